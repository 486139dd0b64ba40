"""LogLeap: the training-data intake of a machine-learning platform for logs."""
