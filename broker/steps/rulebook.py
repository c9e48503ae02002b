"""What the broker is run by: agreements, pools, and how offers reach the holder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, TypeAlias, TypeVar

from typing_extensions import override

from broker.domain.agreement import Agreement, Edition
from broker.domain.caps import Caps
from broker.domain.cool_downs import CoolDowns
from broker.domain.market import Fitting, Market, Place, Pool, Refusal, allowance
from broker.domain.notice import INBOX, STREAM, WEBHOOK
from broker.domain.offer import Desk, Mechanics, Offer
from broker.domain.options import Memo
from broker.domain.place import is_area
from broker.domain.places import PlaceRecord
from broker.domain.price_list import list_id
from broker.domain.register import Register, as_it_stands
from broker.domain.right import QuoteWithdrawn, TailFrom, Trigger
from broker.domain.values import MachineName, ProviderName, Usd
from broker.domain.workload import Workload
from broker.ports import Order, Transaction, Webhook

Value = TypeVar("Value")
Follow: TypeAlias = Callable[[Agreement | None, Mapping[str, Any], str], Agreement]

_ORDER_WINDOW_S = 1800
_ORDER_PROVISION_S = 7200
_ORDER_CURE_S = 900
_ORDER_DEEMED_S = 300
_NO_TOLERANCE = Decimal(0)


def _always_automatic(_: Workload) -> Desk:
    return Desk.AUTOMATIC


class Room(Mapping[Place, int]):
    """How many more machines each place may be asked for; worked out for those that are looked at.

    Machines of one's own are not asked for slowly: they are not named.
    """

    def __init__(self, records: Mapping[Place, PlaceRecord], asked: Mapping[Place, int]) -> None:
        self._records, self._asked = records, asked

    @override
    def __getitem__(self, place: Place) -> int:
        if place.provider is ProviderName.OWN:
            raise KeyError(place)
        record = self._records.get(place)
        return allowance(record.streak if record else 0) - self._asked.get(place, 0)

    @override
    def __iter__(self) -> Iterator[Place]:
        return iter(self._records)

    @override
    def __len__(self) -> int:
        return len(self._records)


class Known(Mapping[Place, Value]):
    """One thing that is remembered of places; looked up where it is looked at, never copied."""

    def __init__(
        self, records: Mapping[Place, PlaceRecord], of: Callable[[PlaceRecord], Value | None]
    ) -> None:
        self._records, self._of = records, of

    @override
    def __getitem__(self, place: Place) -> Value:
        known = self._of(self._records[place])
        if known is None:
            raise KeyError(place)
        return known

    @override
    def get(self, place: Place, default: Any = None) -> Any:
        record = self._records.get(place)
        known = None if record is None else self._of(record)
        return default if known is None else known

    @override
    def __iter__(self) -> Iterator[Place]:
        return (place for place, record in self._records.items() if self._of(record) is not None)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)


_REFUSAL: Final[Callable[[PlaceRecord], Refusal | None]] = attrgetter("refusal")
_FREED: Final[Callable[[PlaceRecord], datetime | None]] = attrgetter("freed_at")
_CLOSED: Final[Callable[[PlaceRecord], datetime | None]] = attrgetter("closed_until")


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    agreements: Mapping[str, Agreement]
    default_agreement: str
    by_tenant: Mapping[str, str] = field(default_factory=dict)
    pools: tuple[Pool, ...]
    owner: str = "capacity-broker"
    """The tag by which this broker finds its machines in a cloud."""
    desk_for: Callable[[Workload], Desk] = _always_automatic
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    """Where the desks of agreements are told of offers, by the agreement's name."""
    via_pools: Mapping[str, ProviderName] = field(default_factory=dict)
    """Whose machines the pools are through which a holder supplies by way of another."""
    start_up: Callable[[str], str] = str
    """Makes the start-up script of a machine from its name."""
    memo: Memo = field(default_factory=dict, repr=False)
    """What placement has worked out about its pools."""
    readings: dict[tuple[str, str], tuple[int, Edition]] = field(default_factory=dict, repr=False)
    """The last reading of each edition, with what was on record then."""
    follow: Follow | None = None
    """Reads one more edition of an agreement; None: there will be none."""
    later: dict[str, tuple[int, Agreement]] = field(default_factory=dict, repr=False)
    """Agreements with editions that were recorded since, and how many those are."""
    vantage: str = ""
    """Where this process sees the clouds from; evidence of an outage takes more than one."""
    fitting: Fitting = field(default_factory=dict, repr=False)
    """What its pools were found to fit."""
    orphan_grace: timedelta = timedelta()
    """How long a machine of ours that nobody here ever heard of is left alone."""
    caps: Caps = field(default_factory=Caps)
    """What may be spent; looked at before anything is offered or launched."""
    cool_downs: CoolDowns = field(default_factory=CoolDowns)
    """How long what a cloud says keeps us away."""
    slow_start: bool = True
    """Whether a place that has not shown its stock is asked for one machine first."""

    @cached_property
    def list_id(self) -> str:
        """The name of the price list that the pools come from."""
        return list_id(self.pools)

    @cached_property
    def sold(self) -> tuple[str, ...]:
        """Every accelerator that there is in a pool."""
        return tuple(sorted({pool.accelerator for pool in self.pools if pool.accelerator}))

    def agreement_of(self, tenant: str) -> str:
        return self.by_tenant.get(tenant, self.default_agreement)

    def agreement(self, name: str) -> Agreement | None:
        """With the editions that were recorded since the broker began, as far as it has read."""
        known = self.later.get(name)
        return known[1] if known is not None else self.agreements.get(name)

    def adopt(self, register: Register) -> None:
        """Read the editions that were recorded while this process ran."""
        name, number = register.agreement, len(register.editions)
        if not number or self.follow is None or self.later.get(name, (0,))[0] == number:
            return
        found = self.agreements.get(name)
        for document in register.editions:
            if found is None or found.edition(document["edition"]) is None:  # else a file has it
                found = self.follow(found, document, "the log")
        if found is not None:
            self.later[name] = (number, found)

    def edition(self, agreement: str, at: datetime) -> Edition | None:
        found = self.agreement(agreement)
        return found.in_force(at) if found is not None else None

    def edition_as_it_stands(self, register: Register, at: datetime) -> Edition | None:
        """The edition in force with what is on record beside it; made once for each reading."""
        self.adopt(register)
        edition = self.edition(register.agreement, at)
        if edition is None or register.reading == 0:
            return edition
        key = (edition.agreement, edition.id)
        reading, made = self.readings.get(key, (0, edition))
        if reading != register.reading:
            made = as_it_stands(edition, register)
            self.readings[key] = (register.reading, made)
        return made

    def refusal_max_age_s(
        self, provider: ProviderName, at: datetime, bound: Offer | None
    ) -> int | None:
        """How long a refusal may stand for all: the shortest that a right over its place allows.

        `bound` is the offer it was met under; None: nobody's right is concerned.
        """
        held = (edition for name in self.agreements if (edition := self.edition(name, at)))
        ages = [
            clause.right.refusal_max_age_s
            for edition in held
            if edition.holds(provider)
            for clause in edition.clauses
            if clause.right is not None
        ]
        if bound is not None:
            ages.append(bound.mechanics.refusal_max_age_s)
        return min(ages, default=None)

    @property
    def quoted(self) -> bool:
        """Whether any agreement has a right that a third party's quote wakes."""
        known = filter(None, map(self.agreement, self.agreements))
        clauses = (c for one in known for edition in one.editions for c in edition.clauses)
        return any(c.right and c.right.trigger is Trigger.THIRD_PARTY_QUOTE for c in clauses)

    def channels(self, agreement: str) -> tuple[str, ...]:
        """How the desk of an agreement learns of an offer."""
        return (WEBHOOK, INBOX) if agreement in self.webhooks else (INBOX, STREAM)

    def market(self, tx: Transaction) -> Market:
        """The market as the transaction sees it."""
        records = tx.places()
        return Market(
            pools=self.pools,
            refusals=Known(records, _REFUSAL),
            room=Room(records, tx.unresolved()) if self.slow_start else {},
            freed=Known(records, _FREED),
            closed=Known(records, _CLOSED),
            wide=frozenset(filter(is_area, records)),
            advice=tx.advice(),
            fitting=self.fitting,
        )

    def mechanics(self, edition: Edition, clause: str, work: Workload) -> Mechanics:
        """The course of an offer under a clause; one that is no right is that of an order."""
        asked = ("mechanics", clause, work.work_class)
        known: Mechanics | None = edition.worked_out.get(asked)
        if known is None:
            known = edition.worked_out[asked] = _mechanics(edition, clause, work)
        return known

    def order(
        self,
        name: str,
        place: Place,
        labels: Mapping[str, str],
        at_most: Usd | None = None,
        hold: str | None = None,
        domain: int | None = None,
    ) -> Order:
        """What a cloud is told of one machine; the same for every try."""
        return Order(
            name=MachineName(name),
            place=place,
            owner=self.owner,
            start_up=self.start_up(name),
            labels=labels,
            max_price_usd_hour=at_most,
            hold=hold,
            domain=domain,
        )


def _mechanics(edition: Edition, clause: str, work: Workload) -> Mechanics:
    rights = (c.right for c in edition.clauses if c.right is not None)
    named = {c.id: c.right for c in edition.clauses}.get(clause)
    right = named or next(rights, None)
    if right is None:
        return Mechanics(
            window_s=_ORDER_WINDOW_S,
            tail_s=0,
            tail_from_notice=False,
            tolerance=_NO_TOLERANCE,
            provision_s=_ORDER_PROVISION_S,
            cure_s=_ORDER_CURE_S,
            refusal_max_age_s=_ORDER_CURE_S,
            deemed_after_s=_ORDER_DEEMED_S,
            deemed_attempts=3,
            contents=(),
        )
    return Mechanics(
        window_s=right.window_for(work.work_class),
        tail_s=right.tail_s,
        tail_from_notice=right.tail_from is TailFrom.NOTICE,
        tolerance=right.tolerance_price,
        provision_s=right.provision_deadline_s,
        cure_s=right.cure_s,
        refusal_max_age_s=right.refusal_max_age_s,
        deemed_after_s=right.deemed_receipt.after_s,
        deemed_attempts=right.deemed_receipt.attempts,
        contents=right.notice_contents,
        suspension=right.suspension,
        toll=named is None or right.toll_on_broker_outage,
        quote_survives=right.quote_withdrawn is QuoteWithdrawn.OFFER_SURVIVES,
        requote_max=right.requote_max,
        requote_window_s=right.requote_window,
    )


def refused(record: PlaceRecord | None, now: datetime, units: int) -> Refusal | None:
    """The refusal under which a place stands for so many units together, if it does."""
    refusal = record.refusal if record else None
    return refusal if refusal is not None and refusal.stands(now, units) else None
