"""Archives as Parquet files: shared by the backends that keep anything."""
