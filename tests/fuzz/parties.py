"""What the parties put on record of their agreements, and revoke."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from broker.domain.clause import Consent, Match, Waiver
from broker.domain.conflicts import Conflict, Stake
from broker.domain.key import Role
from broker.domain.market import PoolKind
from broker.domain.recording import Entry, Revocation
from broker.domain.register import Attestation, Register
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import usd
from broker.domain.workload import WorkClass
from broker.steps.authority import Grant, GrantError, grant_key, revoke_key
from broker.steps.put_on_record import put_on_record
from broker.steps.reclaim import Replacement, ask_back
from tests.fuzz.actions import Action
from tests.fuzz.agreements import CLOSED, HOUSE, MILD
from tests.fuzz.world import World
from tests.support.broker import EAST, WEST

HOLDER: Final = "azure"
GRANTOR: Final = "operator"
_RIGHT: Final = "compute-rofr"
_EXCLUSIVE: Final = "api-exclusive"
_ALL: Final = "all-workloads-exclusive"
_AGREEMENTS: Final = (HOUSE, HOUSE, MILD, MILD, CLOSED)
_C: Final = WorkClass
_SOME: Final = frozenset({_C.BATCH_INFERENCE, _C.EVALUATION, _C.PRETRAINING})
_WAIVED: Final = (
    Match(),
    Match(classes=frozenset({_C.BATCH_INFERENCE})),
    Match(classes=_SOME, pools=frozenset({"aws"})),
    Match(classes=frozenset({_C.FINE_TUNING, _C.INFERENCE_FIRST_PARTY})),
    Match(pool_kinds=frozenset({PoolKind.OWN_BUILT})),
)
_BEGINS_S: Final = (-60, 0, 0, 0, 30, 120)
_LASTS_S: Final = (20, 60, 200, 600, 3600)
_TENANTS: Final = ("lab", "people", "mild", "mild people", "closed", "*")
_RIVALS: Final = (HOLDER, HOLDER, "aws", "gcp", "own", "a rival", "a fund")
_PARTIES: Final = (HOLDER, "aws", "gcp", "own", "a rival", "a fund")


def enter(world: World, action: Action) -> None:
    """A waiver, a consent, an attestation, an acceptance, a conflict or a stake."""
    entry = _ENTRIES[action.a % len(_ENTRIES)](world.clock.at, action)
    agreement = _agreement(action)
    ours = isinstance(entry, Attestation | Conflict | Stake)
    parties = (GRANTOR, HOLDER) if ours else (HOLDER, GRANTOR)
    by = entry.by if isinstance(entry, Attestation) else parties[action.c % 7 == 0]
    _put(world, agreement, entry, by, action)


def revoke(world: World, action: Action) -> None:
    """Something on record is no more; now and then it never was, or is another's to revoke."""
    agreement = _AGREEMENTS[action.b % len(_AGREEMENTS)]
    with world.quietly() as store, store.transaction() as tx:
        names = _names(tx.registers([agreement])[agreement])
    by = HOLDER if action.c % 5 else GRANTOR
    _put(world, agreement, Revocation(record=names[action.a % len(names)]), by, action)


def key(world: World, action: Action) -> None:
    """From the first one on a desk needs one; some end by themselves."""
    if world.secrets and action.a % 3 == 0:
        known = world.secrets[action.b % len(world.secrets)][0]
        world.say(f"{known} is taken back.")
        with suppress(GrantError):
            revoke_key(known, GRANTOR, "lost", world.store)
        return
    until = world.clock.at + timedelta(seconds=90) if action.b % 4 == 0 else None
    grant = Grant(party=HOLDER, role=Role.DESK, valid_until=until, by=GRANTOR)
    secret = f"secret {len(world.secrets)}"
    made = grant_key(grant, secret, world.store, world.rules, world.ids)
    world.secrets.append((made.id, secret))
    world.say(f"The holder's desk is given {made.id}, until {until}.")


def reclaim(world: World, action: Action) -> None:
    """The holder has room for a unit that runs elsewhere, or says so."""
    away = [m for m in world.machines() if m.lease is not None and m.place.provider != HOLDER]
    if not away:
        return
    machine = away[action.a % len(away)]
    hold, shown = f"back-{action.c % 50}", holders_secret(world, action)
    kept = Replacement(hold=hold, region=EAST.region, sku=EAST.sku, by="clerk", shown=shown)
    world.say(f"The holder asks unit {machine.unit} of {machine.job} back.")
    said = ask_back(machine.job, machine.unit, kept, world.store, world.rules)
    world.happened["reclaims refused" if said.refused else "reclaims"] += 1
    world.say(f"It is refused: {said.because}." if said.refused else "It is to have it.")


def _names(register: Register) -> list[str]:
    return [
        *(one.id for one in register.waivers),
        *(one.id for one in register.consents),
        *(one.id for one in register.acceptances),
        *(one.id for one in register.conflicts),
        "beforehand",
    ]


def _agreement(action: Action) -> str:
    """A consent is mostly one of the agreement that nothing else opens."""
    consent = _ENTRIES[action.a % len(_ENTRIES)] is _consent
    among = (CLOSED, CLOSED, *_AGREEMENTS) if consent else _AGREEMENTS
    return among[action.b % len(among)]


def _put(world: World, agreement: str, entry: Entry, by: str, action: Action) -> None:
    world.say(f"{by} puts on record of {agreement}: {entry}.")
    secret = holders_secret(world, action) if by == HOLDER else None
    told = put_on_record(agreement, entry, by, world.store, world.rules, secret)
    world.happened["refused records" if told.refused else f"records: {told.kind}"] += 1
    world.say(f"It is refused: {told.refused}." if told.refused else "It stands.")


def holders_secret(world: World, action: Action) -> str | None:
    """The last key the holder's desk was given; now and then it is forgotten, or an old one."""
    if not world.secrets or action.c % 13 == 0:
        return None
    return world.secrets[0 if action.c % 5 == 0 else -1][1]


def _dates(at: datetime, action: Action) -> tuple[datetime, datetime]:
    begins = at + timedelta(seconds=_BEGINS_S[action.b // 4 % len(_BEGINS_S)])
    return begins, begins + timedelta(seconds=_LASTS_S[action.c // 8 % len(_LASTS_S)])


def _waiver(at: datetime, action: Action) -> Entry:
    """A second one under a name changes its cap and its dates."""
    begins, ends = _dates(at, action)
    return Waiver(
        id=f"waiver-{action.c % 3}",
        of_clause=_RIGHT if action.a // 16 % 8 else _EXCLUSIVE,
        given_by=HOLDER,
        begins=begins,
        ends=ends,
        match=_WAIVED[action.a // 32 % len(_WAIVED)],
        cap_units=1 + action.b // 64 % 5,
    )


def _consent(at: datetime, action: Action) -> Entry:
    begins, ends = _dates(at, action)
    return Consent(
        id=f"consent-{action.c % 5}",
        of_clause=_ALL if _agreement(action) == CLOSED else _EXCLUSIVE,
        given_by=HOLDER,
        begins=begins,
        ends=None if action.a // 16 % 3 == 0 else ends,
        match=Match() if action.a // 64 % 2 else Match(pools=frozenset({"aws", "own"})),
        excludes=Match(classes=frozenset({_C.INFERENCE_API_STATEFUL})),
    )


def _attestation(at: datetime, action: Action) -> Entry:
    return Attestation(condition="agi", by=HOLDER if action.c % 2 else GRANTOR, at=at)


def _acceptance(at: datetime, action: Action) -> Entry:
    begins, ends = _dates(at, action)
    place = EAST if action.a // 16 % 2 else WEST
    shared = action.a // 64 % 6 == 0
    return StandingAcceptance(
        id=f"acceptance-{action.c}",
        of_clause=_RIGHT,
        given_by=HOLDER,
        given_at=at,
        begins=begins,
        ends=ends,
        match=_WAIVED[action.a // 32 % 2],
        units=1 + action.b // 64 % 5,
        price_usd_hour=usd("3.00" if action.b // 256 % 4 else "3.08"),
        hold="hold-again-0" if shared else f"standing-{action.c % 9}",
        region=place.region,
        sku=place.sku,
    )


def _conflict(at: datetime, action: Action) -> Entry:
    begins, ends = _dates(at, action)
    return Conflict(
        id=f"conflict-{action.c}",
        tenant=_TENANTS[action.a // 16 % len(_TENANTS)],
        party=_RIVALS[action.a // 128 % len(_RIVALS)],
        because="it sells the same",
        begins=begins,
        ends=None if action.b // 64 % 3 == 0 else ends,
        share=Decimal("0.25") if action.b // 256 % 2 else None,
    )


def _stake(at: datetime, action: Action) -> Entry:
    begins, ends = _dates(at, action)
    return Stake(
        id=f"stake-{action.c}",
        owner=_PARTIES[action.a // 16 % len(_PARTIES)],
        supplier=_PARTIES[:4][action.a // 128 % 4],
        share=Decimal("0.49") if action.b // 64 % 3 else Decimal("0.1"),
        begins=begins,
        ends=None if action.b // 256 % 2 else ends,
    )


_ENTRIES: Final[tuple[Callable[[datetime, Action], Entry], ...]] = (
    _waiver,
    _waiver,
    _waiver,
    _waiver,
    _consent,
    _consent,
    _attestation,
    _acceptance,
    _acceptance,
    _acceptance,
    _conflict,
    _conflict,
    _stake,
)
