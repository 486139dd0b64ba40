"""The worker that takes messages from the queue and runs trainings."""
