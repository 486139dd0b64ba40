"""Entries in JSON: a strict parser that names each fault, and fast ones for what is certainly valid."""
