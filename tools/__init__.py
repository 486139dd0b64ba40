"""What the project is worked on with. Each part is run as a module: `python -m tools.emulators`."""
