"""SQLite: the file, its connections and locks, and how chunks of entries lie in it."""
