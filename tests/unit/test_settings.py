"""The settings' rules that are no type of their own."""

import pytest

from logleap.backends import capabilities_of
from logleap.settings import Settings

KEY = "ci:anna:" + "0" * 64


@pytest.mark.parametrize(
    ("settings", "required"),
    [
        ({"backend": "memory"}, None),
        ({"backend": "local", "host": "localhost"}, None),
        ({"backend": "local", "host": "127.8.9.1"}, None),
        ({"backend": "local", "host": "::1"}, None),
        ({"backend": "local", "host": "0.0.0.0"}, True),
        ({"backend": "memory", "host": "::"}, True),
        ({"backend": "memory", "host": ""}, True),
        ({"backend": "memory", "host": "192.168.1.5"}, True),
        ({"backend": "memory", "host": "localhost.example.org"}, True),
        ({"backend": "gcp"}, True),
        ({"backend": "memory", "api_keys": KEY}, True),
        ({"backend": "memory", "auth": "keys"}, True),
        ({"backend": "gcp", "auth": "none"}, False),
        ({"backend": "local", "host": "0.0.0.0", "auth": "none"}, False),
        ({"backend": "memory", "api_keys": KEY, "auth": "none"}, False),
    ],
)
def test_keys_are_required_wherever_others_may_reach_the_server(
    settings: dict[str, str], required: bool | None
) -> None:
    loaded = Settings.model_validate(settings)
    by_backend = capabilities_of(loaded.backend).requires_keys
    assert loaded.keys_required(by_backend=by_backend) is required
