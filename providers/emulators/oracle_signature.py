"""Oracle's request signature, checked from the receiving side, with the key it is checked by."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.emulators.wire import Request

_FIELD: Final = re.compile(r'(\w+)="([^"]*)"')
_ALWAYS: Final = frozenset({"date", "(request-target)", "host"})
_WITH_BODY: Final = frozenset({"content-length", "content-type", "x-content-sha256"})
_TOLERANCE: Final = timedelta(minutes=5)


_NO_GOOD: Final = "The required information to complete authentication was not provided."


class SignatureRefused(Exception):
    """Oracle says no more than that the signature is no good, unless the clock is off."""

    def __init__(self, message: str = _NO_GOOD) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An API key: the half that signs, in PEM, and the half that checks."""

    private_pem: str
    public: rsa.RSAPublicKey
    fingerprint: str

    @classmethod
    def fresh(cls) -> Self:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        der = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        # Oracle names a key by this digest; nothing rests on it.
        digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
        pairs = (digest[at : at + 2] for at in range(0, len(digest), 2))
        return cls(pem.decode(), key.public_key(), ":".join(pairs))


def check_signature(request: Request, key_id: str, key: KeyPair, now: datetime) -> None:
    """Raises SignatureRefused unless the key has signed this request with this body, just now."""
    scheme, _, fields = request.headers.get("authorization", "").partition(" ")
    told = dict(_FIELD.findall(fields))
    names = told.get("headers", "").split()
    needed = _ALWAYS | (_WITH_BODY if request.method in ("POST", "PUT", "PATCH") else frozenset())
    if scheme != "Signature" or told.get("keyId") != key_id or not needed <= set(names):
        raise SignatureRefused
    digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    if "x-content-sha256" in names and request.headers.get("x-content-sha256") != digest:
        raise SignatureRefused
    try:
        at = parsedate_to_datetime(request.headers["date"])
        signed = "\n".join(f"{name}: {_signed(request, name)}" for name in names).encode()
        signature = base64.b64decode(told["signature"])
        key.public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        late = abs(at - now) > _TOLERANCE
    except (InvalidSignature, KeyError, TypeError, ValueError, binascii.Error):
        raise SignatureRefused from None
    if late:
        earliest, latest = (now + by for by in (-_TOLERANCE, _TOLERANCE))
        raise SignatureRefused(
            f"Date '{_dated(at)}' is not within allowed clock skew. Current '{_dated(now)}', "
            f"valid datetime range: ['{_dated(earliest)}', '{_dated(latest)}']"
        )


def _dated(at: datetime) -> str:
    return at.strftime("%a, %d %b %Y %H:%M:%S UTC")


def _signed(request: Request, name: str) -> str:
    if name == "(request-target)":
        return f"{request.method.lower()} {request.target}"
    return request.headers[name]
