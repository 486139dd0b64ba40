"""The most frequent messages, and the entries per hour, by pandas."""

import os
import sys

from logleap.client import Client

with Client(os.environ["LOGLEAP_URL"], api_key=os.environ.get("LOGLEAP_API_KEY")) as client:
    entries = client.to_arrow(sys.argv[1]).to_pandas()

print(entries["message"].value_counts().head(10))
print(entries.groupby(entries["timestamp"].dt.floor("h")).size())
