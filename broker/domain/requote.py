"""Terms that move while the holder considers them, or after it has let the units go (T12).

What was noticed is frozen. A change that is worse for a rival needs no new notice; one that is
better for it, or cannot be compared, does, and there is room for so many of them within a tail.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from broker.domain.case import Case
from broker.domain.job import UnitState
from broker.domain.offer import Mechanics, Offer
from broker.domain.offering import withdraw
from broker.domain.release import Release
from broker.domain.spill import expire_release
from broker.domain.terms import Terms, better_for_supplier

_EXACT: Final = Decimal(0)


def overtaken(
    case: Case, noticed: Terms, *, other_machines: bool = False
) -> tuple[list[Offer], list[Release]]:
    """The open offers and unused releases that these terms are too good for, for a rival.

    Where the job takes other machines than before, every open offer: what its holder prepares
    could be one that is not wanted any more.
    """
    offers = [
        offer
        for offer in case.offers.values()
        if offer.state.undecided
        and (other_machines or better_for_supplier(offer.terms, noticed, _EXACT))
    ]
    unused = {unit.release for unit in case.job.units if unit.state is UnitState.RELEASED}
    releases = [
        release
        for release in case.job.releases
        if release.number in unused
        and better_for_supplier(release.ceiling, noticed, release.tolerance)
    ]
    return offers, releases


def room_from(case: Case, rules: Mechanics) -> datetime | None:
    """From when on one more notice may be put for the job; None: now."""
    since = case.now - timedelta(seconds=rules.tail_s)
    recent = [at for at in case.job.requotes if at > since]
    if len(recent) < rules.requote_max:
        return None
    if rules.requote_max == 0:
        return datetime.max.replace(tzinfo=case.now.tzinfo)
    return recent[-rules.requote_max] + timedelta(seconds=rules.tail_s)


def supersede(case: Case, offer: Offer) -> None:
    """Withdraw it for a new version, which is due at once; what was bought for it goes back."""
    withdraw(case, offer, "superseded")
    for machine in list(case.machines.values()):
        if machine.offer == offer.id and machine.commitment is None:
            case.give_back(machine, "superseded")
    case.set_job(supersedes=offer.id, due_at=case.now)


def reopen(case: Case, release: Release, why: str) -> bool:
    """End a release nobody has used yet, so that the holder is asked anew; False for a used one."""
    if not expire_release(case, release, why):
        return False
    case.set_job(supersedes=release.offer, due_at=case.now)
    return True


def ask_anew(case: Case, offer: Offer) -> bool:
    """After a late yes: the holder gets a new offer while nobody else has the units.

    As often as its clause lets a request be requoted; False where nothing comes of it.
    """
    if room_from(case, offer.mechanics) is not None:
        return False
    release = next((r for r in case.job.releases if r.offer == offer.id), None)
    return release is not None and reopen(case, release, "late")


def counted(case: Case, rules: Mechanics) -> tuple[datetime, ...]:
    """The instants of the job's requotes with that of now; those that no longer count left out."""
    since = case.now - timedelta(seconds=rules.tail_s)
    return (*(at for at in case.job.requotes if at > since), case.now)
