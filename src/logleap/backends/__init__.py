"""Backends: which adapters make up each, what each can do, and how one is chosen by its name.

A package of its own can bring another: see docs/backends.md.
"""

from logleap.backends.backend import Backend, BackendFactory, Capabilities, backend_factory
from logleap.backends.receivers import in_the_clear, open_receiver
from logleap.backends.registry import BUILT_IN, capabilities_of, find_backend, open_backend

__all__ = [
    "BUILT_IN",
    "Backend",
    "BackendFactory",
    "Capabilities",
    "backend_factory",
    "capabilities_of",
    "find_backend",
    "in_the_clear",
    "open_backend",
    "open_receiver",
]
