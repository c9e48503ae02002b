"""The signature of a webhook, in the form of Standard Webhooks 1."""

from __future__ import annotations

import hmac
from base64 import b64encode


def webhook_signature(secret: bytes, message: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 over id, whole seconds and the exact body, joined by dots."""
    signed = f"{message}.{timestamp}.".encode() + body
    return f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode()}"
