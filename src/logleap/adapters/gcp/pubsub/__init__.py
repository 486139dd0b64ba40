"""What goes over Pub/Sub besides trainings."""
