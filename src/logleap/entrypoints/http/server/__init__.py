"""The HTTP server: sockets, connections, processes."""
