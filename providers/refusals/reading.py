"""What the four tables share: how a row becomes an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


def by_table(
    table: Mapping[str, RefusalReason | FaultKind],
    code: str,
    message: str = "",
    retry_after_s: float | None = None,
) -> Refused | Fault:
    """What the table says of a code; a code it does not know is a fault, never a "no"."""
    meaning = table.get(code, FaultKind.UNKNOWN_CODE)
    if isinstance(meaning, RefusalReason):
        return Refused(meaning, code, message)
    return Fault(meaning, code, message, retry_after_s)


def ours(code: str, mistake: str, message: str = "") -> Fault:
    """A "no" that we earned ourselves, and so no refusal; the sentence says what to put right."""
    sentence = f"this is {mistake}; ask the cloud to raise it: {message}"
    return Fault(FaultKind.INVALID, code, sentence)
