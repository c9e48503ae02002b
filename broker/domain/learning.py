"""What a register learns from the facts of a job: draws, failed placements, defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.domain import events
from broker.domain.case import Case
from broker.domain.event import Event
from broker.domain.register import Register, SmallPlacement
from broker.domain.release import Basis
from broker.domain.suspension import count_default

_DRAWING: Final = frozenset({Basis.WAIVER, Basis.DE_MINIMIS})


_HEARD: Final = frozenset(
    {
        events.ThirdPartyCommitted,
        events.CommitmentFailed,
        events.HolderDefaulted,
        events.OfferAccepted,
    }
)


def concerns(case: Case) -> bool:
    """Whether anything told of the job changes a register."""
    heard = [event for event in case.events if type(event) in _HEARD]
    return any(_changes(event, case) for event in heard) if heard else False


def _changes(event: Event, case: Case) -> bool:
    match event:
        case events.ThirdPartyCommitted(basis=basis):
            return basis in _DRAWING
        case events.CommitmentFailed(commitment=commitment):
            return case.commitments[commitment].basis in _DRAWING
        case events.OfferAccepted(standing=standing):
            return standing is not None
        case events.HolderDefaulted(offer=offer):
            return case.offers[offer].mechanics.suspension is not None
        case _:
            return False


def learn(register: Register, case: Case) -> tuple[Register, list[Event]]:
    """The register after what has been told of one job, and what that amounts to."""
    told: list[Event] = []
    for event in case.events:
        match event:
            case events.ThirdPartyCommitted():
                register = register.drew(event.basis, event.cites, _small(event, case))
            case events.CommitmentFailed():
                made = case.commitments[event.commitment]
                if made.basis is not None:
                    units = len(made.units)
                    register = register.undrew(made.basis, made.cites, made.id, units)
            case events.OfferAccepted(standing=standing) if standing is not None:
                register = register.moved((standing,), len(event.units))
            case events.HolderDefaulted(offer=offer):
                conduct, more = count_default(
                    register.conduct, case.offers[offer], case.now, case.new_id
                )
                register = replace(register, conduct=conduct)
                told += more
            case _:
                pass
    return register, told


def _small(event: events.ThirdPartyCommitted, case: Case) -> SmallPlacement:
    return SmallPlacement(
        commitment=event.commitment,
        tenant=case.job.workload.tenant,
        units=len(event.units),
        at=case.now,
    )
