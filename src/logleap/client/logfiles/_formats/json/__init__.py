"""Formats of JSON."""
