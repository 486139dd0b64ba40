"""Environments beside `.venv`: for programs that do not go with our own packages."""
