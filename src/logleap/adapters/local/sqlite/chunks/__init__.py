"""How entries lie in the file: packed into chunks, and waiting for their receipt before that."""
