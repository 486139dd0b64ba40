"""Entries whose texts stay where they are in memory, from the store to what is sent."""
