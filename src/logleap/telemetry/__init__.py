"""What is told about the work while it is done: metrics and traces. The core knows nothing of it."""
