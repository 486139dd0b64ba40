"""Reports where entries are read one by one: shared by the backends that have no query engine."""
