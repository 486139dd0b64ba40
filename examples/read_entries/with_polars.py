"""The most frequent messages, and the entries per hour, by Polars."""

import os
import sys

import polars as pl

from logleap.client import Client

with Client(os.environ["LOGLEAP_URL"], api_key=os.environ.get("LOGLEAP_API_KEY")) as client:
    entries = pl.DataFrame(client.to_arrow(sys.argv[1]))

print(entries["message"].value_counts(sort=True).head(10))
print(entries.group_by_dynamic("timestamp", every="1h").agg(pl.len()))
