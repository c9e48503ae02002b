"""How EC2 says no: the table is `aws.csv`."""

from __future__ import annotations

from typing import Final

from broker.ports import Fault, Refused
from providers.refusals.reading import BY_STATUS, Reader, Said, table

AWS: Final = table("aws")
_READER: Final = Reader(AWS, BY_STATUS)


def read_aws(
    code: str,
    message: str = "",
    retry_after_s: float | None = None,
    status: int = 0,
    *,
    spot: bool = False,
    account: str = "",
) -> Refused | Fault:
    """What an answer of EC2 means; `account` names cloud and account to a person."""
    return _READER.read(Said(code, message, retry_after_s, status, spot, account))
