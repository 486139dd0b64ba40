"""The ports' implementations: a folder per backend, a file per port."""
