"""What a data set, an entry and a training run are, and what may happen to them. Pure: no I/O, no clock."""
