"""Signature Version 4, checked from the receiving side."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from providers.emulators.wire import Request

_FORM: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)"
    r"/(?P<service>[^/]+)/aws4_request), ?SignedHeaders=(?P<names>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_TOLERANCE: Final = timedelta(minutes=15)


class SignatureRefused(Exception):
    """With the status and the code that EC2 answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def signed_region(request: Request, key: str, secret: str, now: datetime) -> str:
    """The region the request is signed for. Raises SignatureRefused."""
    found = _FORM.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        raise SignatureRefused(401, "AuthFailure", "The request is not signed.")
    if found["key"] != key:
        text = "AWS was not able to validate the provided access credentials"
        raise SignatureRefused(401, "AuthFailure", text)
    at = request.headers.get("x-amz-date", "")
    names = found["names"].split(";")
    canonical = "\n".join(
        [
            request.method,
            quote(request.path, safe="/-_.~"),
            "&".join(sorted(f"{_coded(k)}={_coded(v)}" for k, v in request.query.items())),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            found["names"],
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", at, found["scope"], digest])
    signing_key = f"AWS4{secret}".encode()
    for part in (found["day"], found["region"], found["service"], "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    right = hmac.new(signing_key, text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(right, found["signature"]) or "host" not in names:
        text = "AWS was not able to validate the provided access credentials"
        raise SignatureRefused(401, "AuthFailure", text)
    if abs(_signed_at(at) - now) > _TOLERANCE:
        raise SignatureRefused(400, "RequestExpired", "Request has expired.")
    return found["region"]


def _signed_at(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefused(400, "AuthFailure", "X-Amz-Date is not a time.") from None


def _coded(text: str) -> str:
    return quote(text, safe="-_.~")
