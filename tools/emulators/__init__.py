"""Google's Firestore and Pub/Sub emulators and a BigQuery emulator: `python -m tools.emulators`."""

from tools.emulators.emulators import NAMES, PROJECT, EmulatorError, Emulators, available

__all__ = ["NAMES", "PROJECT", "EmulatorError", "Emulators", "available"]
