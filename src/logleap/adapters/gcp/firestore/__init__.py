"""Firestore: requests, documents and their values, and the gate that closes a data set."""
