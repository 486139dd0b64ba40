"""The HTTP API: Flask routes over the use cases."""
