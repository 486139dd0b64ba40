"""Reports on many entries, in columns, by Polars: the libraries of the extra `report`."""
