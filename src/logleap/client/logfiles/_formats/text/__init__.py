"""Formats of lines."""
