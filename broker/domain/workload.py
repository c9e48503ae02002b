"""What a job asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from broker.domain.values import ProviderName, Purchase, Usd


class Kind(StrEnum):
    TRAINING = "training"
    INFERENCE = "inference"
    BATCH = "batch"


class WorkClass(StrEnum):
    """The workload classes an agreement decides by (design vocabulary, section 4)."""

    RESEARCH = "research"
    PRETRAINING = "pretraining"
    FINE_TUNING = "fine_tuning"
    EVALUATION = "evaluation"
    DATA_PREP = "data_prep"
    BATCH_INFERENCE = "batch_inference"
    INFERENCE_API = "inference_api"
    INFERENCE_API_STATEFUL = "inference_api_stateful"
    INFERENCE_FIRST_PARTY = "inference_first_party"


class Scope(StrEnum):
    """Whether capacity is bought, already paid for, or bought again at its lease's end."""

    NEW = "new"
    EXISTING = "existing"
    RENEWAL = "renewal"


class SpotUse(StrEnum):
    """Whether a job may have machines that their cloud takes back whenever it wants them."""

    NEVER = "never"
    PREFER = "prefer"
    """Spot or on demand, whichever is cheaper."""
    ONLY = "only"

    def takes(self, purchase: Purchase) -> bool:
        """Whether a machine bought so is one that the job may have."""
        spot = purchase is Purchase.SPOT
        return self is SpotUse.PREFER or spot is (self is SpotUse.ONLY)


DEFAULT_CLASS: Final[Mapping[Kind, WorkClass]] = {
    Kind.TRAINING: WorkClass.FINE_TUNING,
    Kind.INFERENCE: WorkClass.INFERENCE_FIRST_PARTY,
    Kind.BATCH: WorkClass.BATCH_INFERENCE,
}

TAGS: Final = frozenset(
    {"open_weight", "codeveloped", "us_national_security", "prototype", "product_launch"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one unit, a machine, must have at least."""

    accelerators: tuple[str, ...] = ()
    """Any of these does; empty means any."""
    gpus: int = 0
    cpus: int = 0
    memory_gib: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a job narrows where it may run. It can never widen what the agreement allows."""

    regions: tuple[str, ...] = ()
    """Shell patterns such as `eu-*`; empty means everywhere."""
    exclude: tuple[ProviderName, ...] = ()
    max_price_usd_hour: Usd | None = None
    """For one unit."""
    spot: SpotUse = SpotUse.NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a job starts again by itself."""

    preempted: int = 5
    """After its cloud took a machine back: each unit, or a gang as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    name: str
    tenant: str
    kind: Kind
    work_class: WorkClass
    run: str
    """The shell command that every unit runs."""
    tags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    units: int = 1
    gang: bool = False
    """All units or none; otherwise they may be placed a chunk at a time."""
    chunk: int = 1
    shape: Shape = Shape()
    limits: Limits = Limits()
    duration_s: int | None = None
    """How long the run is said to last; a term of the notice, never enforced."""
    timeout_s: int | None = None
    patience_s: int | None = None
    """How long the job waits for its units before it is unmet; None waits for ever."""
    checkpointable: bool = False
    """Whether it may be stopped and started elsewhere without losing its work."""
    retry: Retry = Retry()
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
