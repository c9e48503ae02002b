"""What Google's answers mean, and those that never came."""

from __future__ import annotations

from typing import Final

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import compute_v1 as compute
from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
from requests.exceptions import ConnectTimeout, RequestException

from broker.domain.place import Reach
from broker.ports import Fault, FaultKind, Refused, Unsure
from providers.answers import never_sent
from providers.refusals.gcp import read_gcp

BROKEN: Final = (GoogleAPICallError, GoogleAuthError, RequestException, ParseError)
"""All that a call can raise; a lost connection comes through as an exception of `requests`.

An answer that ends in its head counts as one without a body, which cannot be read.
"""


def reason(failure: GoogleAPICallError) -> str:
    """The code of an error. Status and class say too little: 403 alone means three things."""
    reasons = [error["reason"] for error in failure.errors if isinstance(error, dict)]
    return str(reasons[0]) if reasons else ""


def told(failure: Exception, who: str, *, spot: bool = False) -> Refused | Fault | Unsure:
    """What a failed call means; a call that may have been carried out leaves us unsure."""
    kind = type(failure).__name__
    if isinstance(failure, GoogleAPICallError):
        wait = getattr(failure.response, "headers", {}).get("Retry-After", "")
        seconds = float(wait) if wait.isdigit() else None
        status = int(failure.code or 0)
        return read_gcp(reason(failure), failure.message, seconds, status, spot=spot, account=who)
    if isinstance(failure, ConnectTimeout | TransportError) or never_sent(failure):
        return Fault(FaultKind.UNREACHABLE, kind, f"{who}: {failure}")
    if isinstance(failure, GoogleAuthError):
        text = f"{who}: credentials: {failure}; give a token, or those of a service account"
        return Fault(FaultKind.AUTH, kind, text, reach=Reach.CLOUD)
    return Unsure(f"Google broke off: {kind}: {failure}")


def zones_left(error: compute.Errors) -> tuple[str, ...]:
    """The zones in which an exhausted one says there is some left (`zonesAvailable`)."""
    told = (detail.error_info.metadatas for detail in error.error_details)
    named = next((about["zonesAvailable"] for about in told if "zonesAvailable" in about), "")
    return tuple(zone.strip() for zone in named.split(",") if zone.strip())
