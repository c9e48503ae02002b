"""An agreement under which leases elsewhere have a term, and may be asked back."""

from __future__ import annotations

from typing import Final

from broker.agreements.registry import agreements
from broker.domain.agreement import Agreement
from tests.support.editions import SHIPPED

_FILE: Final = "azure-first-refusal.yaml"
TERM: Final = "lease: {term: P1D, renew_before: PT5H}"
NOTICE: Final = "reclaim: {notice: PT10M, checkpointable_only: true}"
TERM_S: Final = 86_400
RENEW_BEFORE_S: Final = 5 * 3600
NOTICE_S: Final = 600


def an_agreement(*, lease: str = TERM, reclaim: str = NOTICE) -> Agreement:
    """The shipped first refusal, with these two fields in its right."""
    text = SHIPPED[_FILE].replace("reclaim: none", f"{reclaim}\n      {lease}".rstrip())
    (known,) = agreements({_FILE: text}).values()
    return known
