"""Objects that settings name as `package.module:name`: a platform's training task, another backend."""

import difflib
import importlib


class PluginNotLoadable(Exception):
    """A setting names an object that cannot be loaded. The text is one line for the operator."""


def load_plugin(reference: str) -> object:
    """The object that `package.module:name` names; the module is imported here. Raises PluginNotLoadable."""
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise PluginNotLoadable(f"{reference!r} is not package.module:name.")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise PluginNotLoadable(f"cannot import {module_name}: {_first_line(error)}.") from error
    except Exception as error:  # raised by the module's own code
        kind = type(error).__name__
        raise PluginNotLoadable(f"cannot import {module_name}: {kind}: {_first_line(error)}.") from error
    found: object = getattr(module, name, None)
    if found is None:
        near = difflib.get_close_matches(name, vars(module), n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise PluginNotLoadable(f"{module_name} has no {name!r}.{meant}")
    return found


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].removesuffix(".")
