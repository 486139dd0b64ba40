"""The backends by name: the three of LogLeap, or `package.module:function` of anybody."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from logleap.backends.backend import Backend, BackendFactory, Capabilities
from logleap.backends.gcp import open_gcp
from logleap.backends.local import open_local
from logleap.backends.memory import open_memory
from logleap.plugins import PluginNotLoadable, load_plugin
from logleap.settings import Settings, SettingsError

BUILT_IN: Mapping[str, BackendFactory] = MappingProxyType(
    {"memory": open_memory, "local": open_local, "gcp": open_gcp}
)
"""LogLeap's own backends. The libraries that they need are imported when one is opened."""

_CHOICE = "it must be 'memory', 'local' or 'gcp', or 'package.module:function'"


def find_backend(name: str) -> BackendFactory:
    """The backend's factory, by the value of LOGLEAP_BACKEND. Opens nothing. Raises SettingsError."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if ":" not in name:
        near = difflib.get_close_matches(name.strip().lower(), BUILT_IN, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"LOGLEAP_BACKEND is {name!r}; {_CHOICE}.{meant}")
    try:
        factory = load_plugin(name)
    except PluginNotLoadable as error:
        raise SettingsError(f"LOGLEAP_BACKEND is {name!r}: {error}") from error
    if not isinstance(factory, BackendFactory):
        raise SettingsError(
            f"LOGLEAP_BACKEND is {name!r}: it does not declare its capabilities. Decorate the function with "
            "@logleap.backends.backend_factory(…)."
        )
    return factory


def capabilities_of(name: str) -> Capabilities:
    """What the backend of this name can do. Opens nothing. Raises SettingsError."""
    return find_backend(name).capabilities


def open_backend(settings: Settings, **options: Any) -> Backend:
    """The backend that the settings choose. Raises SettingsError.

    `options` go to the backend's function as they are. LogLeap's `memory` and `local` take two, for tests:
    `visibility_timeout`, for how many seconds a delivery of the queue is its receiver's (default: twice the
    run's lease), and `max_deliveries`, after which a message is a dead letter.
    """
    backend = find_backend(settings.backend)(settings, **options)
    if not isinstance(backend, Backend):
        raise SettingsError(
            f"LOGLEAP_BACKEND is {settings.backend!r}: the function returned {backend!r}, which is not a "
            "logleap.backends.Backend."
        )
    return backend
