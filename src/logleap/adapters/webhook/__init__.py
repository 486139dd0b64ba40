"""Events to a URL, as signed webhooks."""
