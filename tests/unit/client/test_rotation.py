"""Rotated files come in the order of their entries."""

import random

import pytest

from logleap.client.push import follows, oldest_first


@pytest.mark.parametrize(
    "names",
    [
        ["app.log.10.gz", "app.log.2.gz", "app.log.1", "app.log"],
        ["app.2.log", "app.1.log", "app.log"],
        ["app-2026-02-28.log.zst", "app-2026-03-01.1.log", "app-2026-03-01.2.log", "app.log"],
        ["app.log-20260228", "app.log-20260301", "app.log"],
        ["/a/app.log.2026-03-01", "/a/app.log.2026-03-02-05", "/a/app.log.2026-03-02-06", "/a/app.log"],
    ],
)
def test_the_oldest_is_first_and_the_current_last(names: list[str]) -> None:
    shuffled = random.Random(1).sample(names, len(names))
    assert oldest_first(shuffled) == names


def test_files_of_different_logs_stay_in_the_order_given() -> None:
    names = ["web.log.1", "web.log", "db.log.1", "db.log", "/other/web.log"]
    assert oldest_first(["web.log", "db.log", "/other/web.log", "db.log.1", "web.log.1"]) == names


@pytest.mark.parametrize(
    ("before", "name", "is_next"),
    [
        ("app.log.2.gz", "app.log.1", True),
        ("app.log.1", "app.log", True),
        ("app.log.3", "app.log.1", False),
        ("app.log.2", "app.log", False),
        ("app-2026-02-28.log.zst", "app-2026-03-01.log", True),
        ("app-2026-03-01.1.log", "app-2026-03-01.2.log", True),
        ("app-2026-03-01.1.log", "app-2026-03-01.3.log", False),
        ("app-2026-03-01.log", "app.log", True),
        ("web.log", "db.log", False),
        ("/a/app.log.1", "/b/app.log", False),
    ],
)
def test_a_file_follows_if_none_is_missing_between_them(before: str, name: str, is_next: bool) -> None:
    assert follows(name, before) == is_next
