"""From the start of a run to its end."""
