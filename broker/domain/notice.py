"""The message with frozen terms that the holder is sent."""

from __future__ import annotations

from broker.domain.offer import Offer
from broker.domain.text import text


def notice(offer: Offer) -> bytes:
    """The exact bytes that the holder is sent: the fields its clause allows, and no other."""
    everything = {
        "offer_id": offer.id,
        "version": offer.version,
        "edition": offer.edition,
        "clause": offer.clause,
        "class": offer.work_class,
        "units": len(offer.units),
        "shape": {"gpus_per_unit": offer.terms.gpus_per_unit, "chunk": offer.chunk},
        "accelerators": offer.terms.accelerators,
        "regions": offer.terms.regions,
        "start_by": offer.terms.start_by,
        "duration": offer.terms.duration_s,
        "price_ceiling": offer.terms.price_usd_hour,
        "gang": offer.gang,
        "interruptible": offer.terms.interruptible,
        "issued_at": offer.issued_at,
        "window": offer.mechanics.window_s,
        "reply_to": f"/v1/offers/{offer.id}/answer",
    }
    allowed = {name: everything[name] for name in everything if name in offer.mechanics.contents}
    return text(allowed).encode()
