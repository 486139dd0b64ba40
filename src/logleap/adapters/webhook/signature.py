"""How a webhook is signed: https://github.com/standard-webhooks/standard-webhooks, symmetric signatures."""

import base64
import hmac
from collections.abc import Sequence


def signed_headers(message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of a webhook: a signature for each secret, so that a receiver may still have the older one.

    `timestamp`: of the attempt, in seconds since 1970; receivers refuse what is too old.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
