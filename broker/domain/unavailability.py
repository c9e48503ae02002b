"""Unavailability: the holder's endpoint does not answer, with the evidence that it does not.

Only what shows that nobody is there counts as a failed probe. A mistake of ours, a limit on calls
or a code we do not know proves neither that the holder is there nor that it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from broker.domain import right
from broker.domain.event import Event
from broker.domain.events import HolderProbed, HolderRecovered, HolderUnavailable

MOST_PROBES: Final = 100
"""How many failed probes are kept; an outage of days needs no more to be proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One call to the holder's endpoint."""

    id: str
    agreement: str
    provider: str
    vantage: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    id: str
    since: datetime
    probes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of a holder's endpoint since it last answered."""

    probes: tuple[Probe, ...] = ()
    unavailable: Unavailable | None = None


def unanswered(
    health: Health,
    evidence: right.Unavailability,
    probe: Probe,
    code: str,
    new_id: Callable[[str], str],
) -> tuple[Health, list[Event]]:
    """Note a failed probe, if the last from its vantage point is not too fresh to say more.

    The one that completes the evidence makes the holder unavailable.
    """
    apart = timedelta(seconds=evidence.over_s / max(evidence.probes, 1))
    if any(one.vantage == probe.vantage and probe.at < one.at + apart for one in health.probes):
        return health, []
    shown = (*health.probes, probe)
    told: list[Event] = [_told(probe, code, answered=False)]
    kept = replace(health, probes=shown[-MOST_PROBES:])
    if health.unavailable is not None or not _enough(shown, evidence):
        return kept, told
    away = Unavailable(
        id=new_id("unavailability"), since=probe.at, probes=tuple(one.id for one in shown)
    )
    told.append(
        HolderUnavailable(
            unavailability=away.id,
            agreement=probe.agreement,
            provider=probe.provider,
            probes=away.probes,
            vantages=tuple(sorted({one.vantage for one in shown})),
        )
    )
    return replace(kept, unavailable=away), told


def _enough(probes: Sequence[Probe], evidence: right.Unavailability) -> bool:
    over = probes[-1].at - probes[0].at
    return (
        len(probes) >= evidence.probes
        and len({one.vantage for one in probes}) >= evidence.vantage
        and over >= timedelta(seconds=evidence.over_s)
    )


def answered(health: Health, probe: Probe) -> tuple[Health, list[Event]]:
    """The holder's endpoint has answered: what failed before proves nothing any more."""
    if not health.probes and health.unavailable is None:
        return health, []
    told: list[Event] = [_told(probe, "", answered=True)]
    if health.unavailable is not None:
        told.append(
            HolderRecovered(
                unavailability=health.unavailable.id, agreement=probe.agreement, probe=probe.id
            )
        )
    return Health(), told


def _told(probe: Probe, code: str, *, answered: bool) -> HolderProbed:
    return HolderProbed(
        probe=probe.id,
        agreement=probe.agreement,
        provider=probe.provider,
        vantage=probe.vantage,
        answered=answered,
        code=code,
    )
