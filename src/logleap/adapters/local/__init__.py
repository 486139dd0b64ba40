"""One durable SQLite file in a folder of one machine; any number of processes share it."""
