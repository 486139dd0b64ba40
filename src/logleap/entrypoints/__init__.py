"""What people and other programs call: HTTP, the worker, the command line."""
