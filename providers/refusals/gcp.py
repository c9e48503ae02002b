"""How Compute Engine says no: the table is `gcp.csv`."""

from __future__ import annotations

from typing import Final

from broker.ports import Fault, FaultKind, Refused
from providers.refusals.reading import BY_STATUS, Reader, Said, table

GCP: Final = table("gcp")
_READER: Final = Reader(GCP, {**BY_STATUS, 403: FaultKind.UNKNOWN_CODE})
"""Google's 403 is overloaded: a permission, a quota and too many calls are told by their reason."""


def read_gcp(
    code: str,
    message: str = "",
    retry_after_s: float | None = None,
    status: int = 0,
    *,
    spot: bool = False,
    account: str = "",
) -> Refused | Fault:
    """What an answer of Compute Engine means; `account` names cloud and account to a person."""
    return _READER.read(Said(code, message, retry_after_s, status, spot, account))
