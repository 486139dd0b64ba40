"""Requests that carry entries: their bodies, and the streams of entries in them."""
