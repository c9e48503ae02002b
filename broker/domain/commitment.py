"""A commitment: units bound to one place of one supplier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.altered import made_at_once
from broker.domain.job import Term
from broker.domain.market import Place, PoolKind
from broker.domain.release import Basis
from broker.domain.right import LeaseTerm
from broker.domain.terms import Terms
from broker.domain.values import CommitmentId, JobId, OfferId


class CommitmentState(StrEnum):
    MADE = "made"
    LIVE = "live"
    FAILED = "failed"
    ENDED = "ended"

    @property
    def over(self) -> bool:
        return self in (CommitmentState.FAILED, CommitmentState.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRules:
    """What a right says of the leases of others, pinned when the commitment is made."""

    edition: str
    clause: str
    lease: LeaseTerm | None
    reclaim_notice_s: int | None

    def term(self, since: datetime) -> Term | None:
        if self.lease is None:
            return None
        until = since + timedelta(seconds=self.lease.term_s)
        return Term(until, until - timedelta(seconds=self.lease.renew_before_s))


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    id: CommitmentId
    job: JobId
    units: tuple[int, ...]
    place: Place
    pool_kind: PoolKind
    terms: Terms
    state: CommitmentState = CommitmentState.MADE
    offer: OfferId | None = None
    """The accepted offer it fulfils; None for a third party's."""
    holds: tuple[str, ...] = ()
    """The capacity that the holder keeps for it, by its own names."""
    basis: Basis | None = None
    """What a third party's commitment stands on."""
    cites: tuple[str, ...] = ()
    release: int | None = None
    gpus: int = 0
    """Of one unit, by the price list."""
    draws: str | None = None
    """The `commit` clause whose amount its leases draw down."""
    attempt: int = 1
    """Counts the tries of a holder to deliver what it accepted."""
    made_at: datetime
    under: LeaseRules | None = None
    """What the edition it was made under says of its leases; that stays so."""
