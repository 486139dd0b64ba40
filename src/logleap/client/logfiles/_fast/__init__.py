"""The compiled readers, where a compiler was there at the installation."""
