"""What the tutorials show: Flask, and an insertAll for each request. Runs in the competitors' environment.

    gunicorn --workers 1 --threads 8 tutorial:app

The command is the one of Google's samples for Cloud Run:
https://cloud.google.com/run/docs/quickstarts/build-and-deploy/deploy-python-service
"""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

app = Flask(__name__)
client = bigquery.Client("bench", AnonymousCredentials())  # type: ignore[no-untyped-call]


@app.post("/data/<data_id>")
def take(data_id: str) -> ResponseReturnValue:
    rows = request.get_json()
    errors = client.insert_rows_json(f"bench.logleap.{data_id.replace('-', '_')}", rows)
    if errors:
        return {"errors": errors}, 500
    return {"accepted": len(rows)}
