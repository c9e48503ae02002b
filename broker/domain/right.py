"""A right of first refusal: how it is offered, answered, used up, and lost for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from broker.domain.workload import WorkClass


class Trigger(StrEnum):
    """What wakes the right, and so whose terms a notice freezes."""

    NEED = "need"
    THIRD_PARTY_QUOTE = "third_party_quote"


class Divisible(StrEnum):
    """What a holder may take of an offer that is no gang."""

    WHOLE_OR_PART = "whole_or_part"
    WHOLE_ONLY = "whole_only"


class Silence(StrEnum):
    """What it means that a window ends without an answer."""

    DEEMED_REFUSAL = "deemed_refusal"


class Counter(StrEnum):
    """What an answer with other terms counts as."""

    REFUSAL = "refusal"


class TailFrom(StrEnum):
    """Where the time in which a release may be used begins."""

    WINDOW_END = "window_end"
    NOTICE = "notice"


class QuoteWithdrawn(StrEnum):
    """What becomes of an open offer whose third-party quote has gone."""

    OFFER_SURVIVES = "offer_survives"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeemedReceipt:
    """When a notice nobody acknowledged counts as received."""

    attempts: int
    channels: int
    after_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """So many defaults within a period turn the right off for a while."""

    defaults: int
    within_s: int
    for_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailability:
    """The evidence it takes to call the holder unavailable."""

    probes: int
    vantage: int
    over_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeMinimis:
    """Jobs too small to be offered, with the cap that keeps them few."""

    units: int
    per_tenant_window_s: int
    cap_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTerm:
    """How long a lease elsewhere lasts, and how long before its end the holder is asked again."""

    term_s: int
    renew_before_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """The mechanics of one `rofr` clause. Durations are whole seconds."""

    assumed: bool
    """Whether these values are a guess of the edition's author and nobody's statement."""
    trigger: Trigger = Trigger.NEED

    notice_contents: tuple[str, ...]
    """The only fields that may reach the holder."""
    notice_withhold: tuple[str, ...]
    deemed_receipt: DeemedReceipt

    window_default_s: int
    window_by_class: Mapping[WorkClass, int]
    window_minimum_s: int
    """The floor that nothing shortens."""
    toll_on_broker_outage: bool

    divisible: Divisible = Divisible.WHOLE_OR_PART
    gang: str = "whole_only"
    must_carry: str | None = "capacity_hold"
    silence: Silence
    counter: Counter = Counter.REFUSAL

    tail_s: int
    tail_from: TailFrom
    tolerance_price: Decimal
    """The share of the noticed price by which a rival may be dearer; 0 is not at all."""
    requote_max: int
    requote_window_s: int
    quote_withdrawn: QuoteWithdrawn = QuoteWithdrawn.OFFER_SURVIVES

    provision_deadline_s: int
    cure_s: int
    suspension: Suspension | None = None
    """None: no number of defaults turns the right off."""
    unavailability: Unavailability | None = None
    """None: the holder is never held to be unavailable."""

    refusal_max_age_s: int
    """How long a refused place stands for the next job too."""
    acceptance_max_age_s: int
    de_minimis: DeMinimis | None = None
    reclaim_notice_s: int | None = None
    """How long before the holder may have a released unit back; None: it may not."""
    lease: LeaseTerm | None = None
    """None: a lease elsewhere runs for as long as its job does."""

    def window_for(self, work_class: WorkClass) -> int:
        """Seconds the holder has to answer an offer of this class, never below the floor."""
        return max(
            self.window_minimum_s, self.window_by_class.get(work_class, self.window_default_s)
        )

    @property
    def requote_window(self) -> int:
        """Seconds the holder has to answer a notice whose terms have moved."""
        return max(self.window_minimum_s, self.requote_window_s)
