"""Bytes become entries: formats, field mappings, timestamps and their limits. No transport."""
