"""A machine: asked for as a hold or under a commitment, leased to a unit, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2s
from typing import Final

from broker.domain.altered import made_at_once
from broker.domain.market import Place
from broker.domain.values import CommitmentId, JobId, LeaseId, MachineName, OfferId, Usd


class MachineState(StrEnum):
    WANTED = "wanted"
    """The intent is written; whether its cloud has heard of it is not known to be true."""
    ASKED = "asked"
    RUNNING = "running"
    ENDING = "ending"
    REFUSED = "refused"
    GONE = "gone"

    @property
    def unresolved(self) -> bool:
        return self in _UNRESOLVED

    @property
    def over(self) -> bool:
        return self in _OVER


_S = MachineState
_UNRESOLVED: Final = frozenset({_S.WANTED, _S.ASKED})
_OVER: Final = frozenset({_S.REFUSED, _S.GONE})

MACHINE_MOVES: Final[Mapping[MachineState, frozenset[MachineState]]] = {
    _S.WANTED: frozenset({_S.ASKED, _S.RUNNING, _S.REFUSED, _S.ENDING, _S.GONE}),
    _S.ASKED: frozenset({_S.WANTED, _S.RUNNING, _S.REFUSED, _S.ENDING, _S.GONE}),
    _S.RUNNING: frozenset({_S.ENDING, _S.GONE}),
    _S.ENDING: frozenset({_S.GONE}),
    _S.REFUSED: frozenset(),
    _S.GONE: frozenset(),
}


class RunState(StrEnum):
    """What the agent on the machine does."""

    IDLE = "idle"
    RUNNING = "running"
    ENDED = "ended"


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    name: MachineName
    job: JobId
    unit: int
    place: Place
    price_usd_hour: Usd
    max_price_usd_hour: Usd | None = None
    """On spot, the most that may be paid for it; None: as much as on demand."""
    together: int = 1
    """How many units stand or fall with this one, itself included."""
    domain: int = 0
    """In which of its place's placement domains all of them are asked for, counted from 0."""
    state: MachineState = MachineState.WANTED
    offer: OfferId | None = None
    """The offer it is a hold for."""
    commitment: CommitmentId | None = None
    owed: bool = False
    """The holder has accepted to deliver it: it is asked for whatever else its place refused."""
    hold: str | None = None
    """The handle of the capacity that its cloud keeps for it, before it runs and while it does."""
    handle: str | None = None
    address: str = ""
    port: int | None = None
    """A free port the agent found; rank 0's is where a gang meets."""
    wanted_at: datetime
    up_at: datetime | None = None
    tries: int = 0
    """How often its cloud was asked, or may have been."""
    in_vain: int = 0
    """Of so many of these, the first ones, it is known that they bought nothing."""
    due_at: datetime | None
    epoch: int = 0
    lease: LeaseId | None = None
    leased_at: datetime | None = None
    billed_at: datetime | None = None
    """Until when its lease was billed at a renewal; None: not yet."""
    run: RunState = RunState.IDLE
    stopping: bool = False
    noticed_until: datetime | None = None
    """When its cloud takes it back, once it has said so."""
    exit_code: int | None = None
    trouble: str = ""
    """What of ours keeps its cloud from answering; empty once it has answered."""
    because: str = ""
    """Why it ends or ended; for a lease's end its cause."""

    @property
    def may_be_there(self) -> bool:
        """Whether a call before the last one has bought it, or may have: nobody has said no.

        Then what goes wrong with the last call is no reason to buy it elsewhere.
        """
        if self.state is MachineState.WANTED:
            return self.tries > self.in_vain + 1
        return not self.state.over


def is_kept(machine: Machine) -> bool:
    """Whether its holder is sure to have room for it: it is there, or room is held for it."""
    return machine.state is MachineState.RUNNING or machine.hold is not None


def machine_name(purpose: str, unit: int, place: Place, attempt: int = 1) -> MachineName:
    """Name what you buy after the reason you buy it: one reason, one name, one machine.

    27 characters of a-z, 0-9 and a dash: short enough for every cloud's name and token.
    """
    seed = f"{purpose}/{unit}/{place.provider}/{place.region}/{place.sold}/{attempt}"
    return MachineName(f"cb-{blake2s(seed.encode(), digest_size=12).hexdigest()}")
