"""Observability: metrics and traces. The core knows nothing of it."""
