"""How Azure says no: the table is `azure.csv`."""

from __future__ import annotations

from typing import Final

from broker.ports import Fault, Refused
from providers.refusals.reading import BY_STATUS, Reader, Said, table

AZURE: Final = table("azure")
_READER: Final = Reader(AZURE, BY_STATUS)


def read_azure(
    code: str,
    message: str = "",
    retry_after_s: float | None = None,
    status: int = 0,
    *,
    spot: bool = False,
    account: str = "",
) -> Refused | Fault:
    """What an answer of Azure means; `account` names cloud and account to a person."""
    return _READER.read(Said(code, message, retry_after_s, status, spot, account))
