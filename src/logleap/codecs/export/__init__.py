"""Entries → bytes: NDJSON, CSV, Arrow, Parquet, each as a stream in bounded memory."""
