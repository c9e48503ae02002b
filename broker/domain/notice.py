"""What the holder is sent: one notice, with an entry for every offer it puts before a desk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeAlias

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.events import NoticeWritten
from broker.domain.offer import Offer
from broker.domain.text import text
from broker.domain.values import JobId, NoticeId, OfferId


def notice(offer: Offer) -> bytes:
    """The exact bytes of an offer's entry: the fields its clause allows, and no other."""
    parts = [f"{name}{text(of(offer))}" for name, of in _in_order(offer.mechanics.contents)]
    return f"{{{','.join(parts)}}}".encode()


_Field: TypeAlias = Callable[[Offer], object]

_FIELDS: Final[Mapping[str, _Field]] = {
    "offer_id": lambda offer: offer.id,
    "version": lambda offer: offer.version,
    "edition": lambda offer: offer.edition,
    "clause": lambda offer: offer.clause,
    "class": lambda offer: offer.work_class,
    "units": lambda offer: len(offer.units),
    "shape": lambda offer: {"gpus_per_unit": offer.terms.gpus_per_unit, "chunk": offer.chunk},
    "accelerators": lambda offer: offer.terms.accelerators,
    "regions": lambda offer: offer.terms.regions,
    "start_by": lambda offer: offer.terms.start_by,
    "duration": lambda offer: offer.terms.duration_s,
    "price_ceiling": lambda offer: offer.terms.price_usd_hour,
    "gang": lambda offer: offer.gang,
    "interruptible": lambda offer: offer.terms.interruptible,
    "issued_at": lambda offer: offer.issued_at,
    "window": lambda offer: offer.mechanics.window_s,
    "reply_to": lambda offer: f"/v1/offers/{offer.id}/answer",
}
"""Everything that a notice may say."""


def entry(offer: Offer) -> dict[str, Any]:
    allowed = offer.mechanics.contents
    return {name: of(offer) for name, of in _FIELDS.items() if name in allowed}


@lru_cache(maxsize=64)
def _in_order(allowed: tuple[str, ...]) -> tuple[tuple[str, _Field], ...]:
    """What a clause allows, sorted, each with its name as it stands before the value."""
    return tuple((f'"{name}":', _FIELDS[name]) for name in sorted(_FIELDS.keys() & allowed))


class NoticeState(StrEnum):
    WAITING = "waiting"
    """Not fetched as a whole, and not acknowledged by a webhook."""
    RECEIVED = "received"
    OVER = "over"
    """No offer in it waits for delivery any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Offers for one shape, put before a desk together; each keeps its own state."""

    id: NoticeId
    agreement: str
    edition: str
    clause: str
    offers: tuple[OfferId, ...]
    jobs: tuple[JobId, ...]
    body: str
    """The exact text that is served and sent."""
    issued_at: datetime
    state: NoticeState = NoticeState.WAITING
    tries: int = 0
    """How often it was put to a webhook, our own faults included."""
    trouble: str = ""
    """Why we could not send it; empty where the last try went out."""
    due_at: datetime | None = None
    """When it is put to a webhook; None: nobody has to."""

    @property
    def sha256(self) -> str:
        return sha256(self.body.encode()).hexdigest()


def notices_of(cases: Iterable[Case], at: datetime) -> list[tuple[Notice, NoticeWritten]]:
    """Join the offers that these cases put before a person's desk, and write their notices.

    Offers whose entries differ only in what is a job's own (its units and dates) share one.
    """
    alike: dict[object, list[tuple[Case, Offer]]] = {}
    for case in cases:
        for offer in case.offers.values():
            if offer.channels and offer.notice is None and offer.state.undecided:
                alike.setdefault(_shape(offer), []).append((case, offer))
    return [_written(together, at) for together in alike.values()]


def _shape(offer: Offer) -> object:
    terms = offer.terms
    return (
        (offer.agreement, offer.edition, offer.clause, offer.mechanics, offer.channels),
        (terms.accelerators, terms.gpus_per_unit, terms.regions, terms.price_usd_hour),
        (terms.interruptible, offer.gang, offer.chunk),
    )


def _written(together: Sequence[tuple[Case, Offer]], at: datetime) -> tuple[Notice, NoticeWritten]:
    first_case, first = together[0]
    name = NoticeId(first_case.new_id("notice"))
    entries = [entry(offer) for _, offer in together]
    made = Notice(
        id=name,
        agreement=first.agreement,
        edition=first.edition,
        clause=first.clause,
        offers=tuple(offer.id for _, offer in together),
        jobs=tuple(dict.fromkeys(case.job.id for case, _ in together)),
        body=text({"notice": name, "offers": entries}),
        issued_at=at,
        due_at=at if WEBHOOK in first.channels else None,
    )
    for case, offer in together:
        case.put_offer(altered(offer, notice=name))
    told = NoticeWritten(
        notice=name,
        agreement=made.agreement,
        edition=made.edition,
        clause=made.clause,
        offers=made.offers,
        fields=tuple(entries[0]),
        sha256=made.sha256,
    )
    return made, told


WEBHOOK = "webhook"
INBOX = "inbox"
STREAM = "stream"
