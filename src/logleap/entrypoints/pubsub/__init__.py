"""Training messages that Pub/Sub delivers: to a push endpoint, or to a function."""
