"""What Oracle's answers mean, and those that never came."""

from __future__ import annotations

from typing import Final

import oci

from broker.domain.place import Reach
from broker.ports import Fault, FaultKind, Refused, Unsure
from providers.answers import never_sent
from providers.refusals.oracle import read_oracle

BROKEN: Final = (
    oci.exceptions.ServiceError,
    oci.exceptions.RequestException,
    oci.exceptions.ConnectTimeout,
    oci.exceptions.ClientError,
)
"""All that a call can raise; refused, timed out and reset are one exception, told by its cause."""


def told(failure: Exception, who: str, *, spot: bool = False) -> Refused | Fault | Unsure:
    """What a failed call means; a call that may have been carried out leaves us unsure."""
    kind = type(failure).__name__
    if isinstance(failure, oci.exceptions.ServiceError):
        wait = str((failure.headers or {}).get("retry-after", ""))
        seconds = float(wait) if wait.isdigit() else None
        text = str(failure.message or "")
        code = failure.code or ""
        return read_oracle(code, text, seconds, failure.status, spot=spot, account=who)
    if isinstance(failure, oci.exceptions.ConnectTimeout) or never_sent(failure):
        return Fault(FaultKind.UNREACHABLE, kind, f"{who}: {failure}")
    if isinstance(failure, oci.exceptions.ClientError):
        text = f"{who}: user, fingerprint and key: {failure}; give those the tenancy knows"
        return Fault(FaultKind.AUTH, kind, text, reach=Reach.CLOUD)
    return Unsure(f"Oracle broke off: {kind}: {failure}")
