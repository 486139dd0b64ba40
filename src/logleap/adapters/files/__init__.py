"""Artifacts as files of this machine: shared by the backends."""
