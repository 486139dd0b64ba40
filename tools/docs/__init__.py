"""The examples of the documentation, carried out."""
