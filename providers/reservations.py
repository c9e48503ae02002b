"""What an adapter says of a reservation that it cannot launch into: whose it is, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from broker.domain.market import Place
from broker.domain.reserved import FIELD, reservations
from broker.ports import Fault, FaultKind
from providers.machine import OWNER_TAG

NOT_OURS = "ReservationNotOurs"


def reservation_of(account: Mapping[str, str], place: Place) -> str | Fault:
    """The reservation that the account names for a place."""
    named = reservations(place.provider, account).get((place.region, place.sku))
    return named or not_ours(place, "no reservation", "add one, or release the job from it")


def not_ours(place: Place, named: str, remedy: str) -> Fault:
    """Nothing is bought, and the place is left alone until somebody has looked at it."""
    says = f"{place.provider}: the account's field `{FIELD}` names {named} for"
    return Fault(FaultKind.INVALID, NOT_OURS, f"{says} {place.region} {place.sku}; {remedy}")


def another_s(place: Place, named: str, tags: Mapping[str, str], owner: str) -> Fault | None:
    """What is wrong where a reservation bears another broker's tag; one without a tag is ours."""
    by = tags.get(OWNER_TAG, owner)
    if by == owner:
        return None
    return not_ours(
        place, f"{named}, which bears the tag {OWNER_TAG}={by}", f"name one of {owner}'s own"
    )
