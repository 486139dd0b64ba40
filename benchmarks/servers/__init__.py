"""Servers as processes of their own, on loopback, with what they cost."""

from benchmarks.servers.processes import ROOT, Server, bare, flask_alone, free_port, logleap, running, stack

__all__ = ["ROOT", "Server", "bare", "flask_alone", "free_port", "logleap", "running", "stack"]
