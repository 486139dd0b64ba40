"""The same report by Polars, in columns of many entries at a time. Needs the extra `report`."""
