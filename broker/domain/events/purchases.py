"""The facts of what is bought: commitments to a supplier and the leases under them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import CommitmentId, JobId, LeaseId, OfferId, Purchase, Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdPartyCommitted(Event):
    commitment: CommitmentId
    job: JobId
    units: tuple[int, ...]
    provider: str
    pool_kind: str
    region: str
    sku: str
    terms: Terms
    agreement: str
    edition: str
    basis: str
    cites: tuple[str, ...]
    list_id: str
    """The price list it was chosen from."""
    passed_over: tuple[str, ...]
    """Why no cheaper place was taken: the refusals that stood there, or `closed` and the place."""
    renews: LeaseId | None = None
    """The lease that goes on under it, where the unit runs already."""
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderCommitted(Event):
    commitment: CommitmentId
    job: JobId
    units: tuple[int, ...]
    provider: str
    pool_kind: str
    region: str
    sku: str
    terms: Terms
    agreement: str
    edition: str
    offer: OfferId | None
    holds: tuple[str, ...]
    """The capacity that the holder keeps for it, by its own names; I18 reads them."""
    via: str | None = None
    """The pool of another's through which the holder supplies it."""
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentFailed(Event):
    commitment: CommitmentId
    job: JobId
    units: tuple[int, ...]
    provider: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseActivated(Event):
    job: JobId
    unit: int
    epoch: int
    provider: str
    lease: LeaseId
    commitment: CommitmentId
    price_usd_hour: Usd
    term_until: datetime | None = None
    """When it ends unless it is renewed, where its clause sets a term."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnded(Event):
    job: JobId
    unit: int
    epoch: int
    provider: str
    lease: LeaseId
    commitment: CommitmentId
    cause: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseBilled(Event):
    """What a lease came to under one commitment, told in the instant when that ends for it.

    That is the end of the lease, or its renewal: every GPU-second is in just one bill.
    """

    lease: LeaseId
    job: JobId
    unit: int
    provider: str
    pool_kind: str
    work_class: str
    agreement: str
    gpus: int
    """Of the machine, whatever the job asked for."""
    seconds: Decimal
    gpu_seconds: Decimal
    usd: Usd
    """The hourly price times the seconds over 3600, to a millionth of a dollar, half to even."""
    draws: str | None
    """The `commit` clause of the commitment's edition that it draws down; None: none."""
    commitment: CommitmentId | None = None
    """What it was bought under; None in logs from before leases could be billed in parts."""
    goes_on: bool = False
    """Whether the lease has been renewed, and is billed again."""
