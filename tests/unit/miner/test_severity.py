"""How severe an entry is, by its message's beginning or its context."""

import pytest

from logleap.miner.text.severity import of_context, of_message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ERROR disk full", "error"),
        ("2026-01-02 03:04:05,678 [12] WARN  a.b - c", "warning"),
        ("[INF] Order received", "info"),
        ("<err> no", "error"),
        ("fatal: not a repository", "critical"),
        ("ts=1 level=debug msg=x", "debug"),
        ('{"severity":"NOTICE"}', "notice"),
        ("Error opening the file", None),
        ("no error here", None),
        ("ERRORS 5", None),
        ("information is missing", None),
        ("level=high", None),
        ("", None),
    ],
)
def test_a_messages_beginning_tells_it(message: str, expected: str | None) -> None:
    assert of_message(message) == expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ('{"level":"Warn"}', "warning"),
        ('{"severity":"ERROR","level":5}', "notice"),
        ('{"log":{"level":"info"}}', "info"),
        ('{"log.level":"trace"}', "trace"),
        ('{"PRIORITY":"3"}', "error"),
        ('{"PRIORITY":7}', "debug"),
        ('{"level":50}', "error"),
        ('{"severity":800}', "emergency"),
        ('{"level":true}', None),
        ('{"level":"high","severity":"alert"}', "alert"),
        ('{"a":{"level":"info"}}', None),
        ('["level"]', None),
        ('["level":', None),
        ('{"log":"level"}', None),
        ("text", None),
    ],
)
def test_a_context_tells_it_by_its_fields(context: str, expected: str | None) -> None:
    assert of_context(context) == expected
