"""Entries on their way from a file into batches for the API."""
