"""What the answers of all clouds have in common."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from broker.domain.values import RefusalReason
from broker.ports import Refused


def never_sent(failure: BaseException) -> bool:
    """True only if no connection was made: refused, or a name that leads nowhere.

    The SDKs wrap the cause several times over; it is looked for at the bottom.
    """
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError | socket.gaierror):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def of_the_region(refusals: Sequence[Refused]) -> Refused:
    """What a region says whose every zone has refused.

    A shortage in one zone speaks for the region; a zone without the machine type says less.
    """
    shortages = (one for one in refusals if one.reason is RefusalReason.NO_CAPACITY)
    return next(shortages, refusals[-1])
