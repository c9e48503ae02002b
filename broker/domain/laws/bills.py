"""The law of accounts: every second of a lease is billed once, at its price, to one clause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from broker.domain.chain import Fact
from broker.domain.laws.bases import is_renewal
from broker.domain.laws.book import Book
from broker.domain.laws.editions import Edition, Sought
from broker.domain.laws.law import Breach, Law
from broker.domain.market import told_place

_COMMITS: Final = frozenset({"ThirdPartyCommitted", "HolderCommitted"})
_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR: Final = 3600
_DIGITS: Final = Decimal("0.000001")


class _Bought(NamedTuple):
    """What a commitment says of the leases under it."""

    pool_kind: str
    agreement: str
    work_class: str
    gpus: frozenset[int]
    """Those that a recorded price list names for its place."""
    draws: frozenset[str]
    """The `commit` clauses of its edition that it falls under."""
    provider: str
    price: Decimal | None


class _Lease(NamedTuple):
    """What of a lease is not billed yet: all since it began, or since it was renewed."""

    commitment: str
    bought: _Bought | None
    since: datetime
    price: Decimal
    provider: str
    position: int


class _Over(NamedTuple):
    lease: _Lease
    at: datetime
    position: int
    goes_on: bool


class Bills(Law):
    number = "I31"
    text = (
        "Every second of a lease is billed once, when it ends or is renewed: the seconds, its "
        "machine's GPUs, its commitment's price, and the live commit clause that it draws down."
    )
    guards = "agreement 3.6; 004-6: a commitment is drawn down by named leases"
    sees = _COMMITS | {"LeaseActivated", "LeaseEnded", "LeaseBilled", "CommitmentFailed"}
    sees |= {"LeaseRenewed"}

    def __init__(self) -> None:
        self._bought: dict[str, _Bought] = {}
        self._live: dict[str, int] = {}
        """How many units of a commitment have had no lease that ended, or was renewed."""
        self._leases: dict[str, _Lease] = {}
        self._over: dict[str, _Over] = {}
        self._sizes: dict[str, Mapping[tuple[str, str, str], int]] = {}

    def see(self, fact: Fact, book: Book) -> Iterable[Breach]:
        data = fact.data
        if fact.type in _COMMITS:
            self._bought[data["commitment"]] = self._buy(fact, book)
            self._live[data["commitment"]] = len(data["units"])
        elif fact.type == "LeaseActivated":
            name = data["commitment"]
            price = Decimal(data["price_usd_hour"])
            self._leases[data["lease"]] = _Lease(
                name, self._bought.get(name), book.now, price, data["provider"], fact.position
            )
        elif fact.type == "LeaseRenewed":
            return self._renew(fact, book)
        elif fact.type == "LeaseEnded":
            return self._end(fact, book)
        elif fact.type == "LeaseBilled":
            return self._billed(fact, book)
        else:
            self._forget(data["commitment"])
        return ()

    def end(self, book: Book) -> Iterator[Breach]:
        for name, over in self._over.items():
            if over.at < book.latest:  # else the bill may be the next fact, not exported yet
                yield self.breach(_unbilled(name, over), over.position)

    def _buy(self, fact: Fact, book: Book) -> _Bought:
        data, job, edition = fact.data, book.job_of(fact), book.edition_of(fact)
        place = told_place(data)
        named = data.get("list_id")
        lists = book.price_lists if named is None else {named} & book.price_lists.keys()
        sizes = (self._sizes_of(name, book).get(place) for name in lists)
        class_ = job.work_class if job else ""
        tags = job.tags if job else ()
        sought = Sought(
            class_,
            tags,
            data["provider"],
            data["pool_kind"],
            book.now,
            (),
            "renewal" if is_renewal(fact, book) else "new",
        )
        price = data["terms"].get("price_usd_hour")
        return _Bought(
            pool_kind=data["pool_kind"],
            agreement=data["agreement"],
            work_class=class_,
            gpus=frozenset(size for size in sizes if size is not None),
            draws=frozenset(_drawn(edition, sought)) if edition else frozenset(),
            provider=data["provider"],
            price=None if price is None else Decimal(price),
        )

    def _sizes_of(self, name: str, book: Book) -> Mapping[tuple[str, str, str], int]:
        if name not in self._sizes:
            self._sizes[name] = {one.place: one.gpus for one in book.price_lists[name]}
        return self._sizes[name]

    def _renew(self, fact: Fact, book: Book) -> Iterator[Breach]:
        """What was before is to be billed; what follows has the new commitment's price."""
        name, lease = fact.data["lease"], self._leases.get(fact.data["lease"])
        if lease is None:
            return
        yield from self._close(name, _Over(lease, book.now, fact.position, goes_on=True))
        now_under = fact.data["commitment"]
        bought = self._bought.get(now_under)
        self._leases[name] = _Lease(
            now_under,
            bought,
            book.now,
            bought.price if bought and bought.price is not None else lease.price,
            bought.provider if bought else lease.provider,
            fact.position,
        )

    def _end(self, fact: Fact, book: Book) -> Iterator[Breach]:
        name, lease = fact.data["lease"], self._leases.pop(fact.data["lease"], None)
        if lease is not None:
            lease = lease._replace(provider=fact.data["provider"])
            yield from self._close(name, _Over(lease, book.now, fact.position, goes_on=False))

    def _close(self, name: str, over: _Over) -> Iterator[Breach]:
        before = self._over.get(name)
        if before is not None:
            yield self.breach(_unbilled(name, before), before.position)
        self._over[name] = over
        commitment = over.lease.commitment
        left = self._live.get(commitment, 0) - 1
        if left > 0:
            self._live[commitment] = left
        else:
            self._forget(commitment)

    def _forget(self, commitment: str) -> None:
        self._bought.pop(commitment, None)
        self._live.pop(commitment, None)

    def _billed(self, fact: Fact, book: Book) -> Iterator[Breach]:
        name = fact.data["lease"]
        over = self._over.pop(name, None)
        if over is None:
            sentence = f"lease {name} is billed, and has not just ended or been renewed"
            yield self.breach(sentence, fact.position)
            return
        where = (over.lease.position, over.position, fact.position)
        if book.now != over.at:
            yield self.breach(f"lease {name} is not billed in the instant of that", *where)
        for wrong in _wrong(fact.data, over):
            yield self.breach(f"the bill of lease {name} {wrong}", *where)


def _unbilled(name: str, over: _Over) -> str:
    return f"lease {name} {'was renewed' if over.goes_on else 'ended'} and is not billed"


def _wrong(data: Mapping[str, Any], over: _Over) -> Iterator[str]:
    spent = (over.at - over.lease.since) // _MICROSECOND
    seconds = Decimal(spent) / 1_000_000
    due = (over.lease.price * spent / 1_000_000 / _HOUR).quantize(_DIGITS)
    if Decimal(data["seconds"]) != seconds:
        yield f"counts {data['seconds']} s of {seconds}"
    if Decimal(data["gpu_seconds"]) != seconds * data["gpus"]:
        yield f"counts {data['gpu_seconds']} GPU-seconds of {seconds * data['gpus']}"
    if Decimal(data["usd"]) != due:
        yield f"says {data['usd']} USD, and {due} are due"
    if data["provider"] != over.lease.provider:
        yield f"names {data['provider']}, and {over.lease.provider} had the lease"
    if data.get("commitment") not in (None, over.lease.commitment):
        yield f"names {data['commitment']}, and it ran under {over.lease.commitment}"
    if data.get("goes_on", False) is not over.goes_on:
        yield "says wrongly whether the lease goes on"
    if over.lease.bought is not None:
        yield from _misread(data, over.lease.bought)


def _misread(data: Mapping[str, Any], bought: _Bought) -> Iterator[str]:
    """Where a bill says something else than the commitment of its lease."""
    draws = data["draws"]
    if bought.gpus and data["gpus"] not in bought.gpus:
        yield f"counts {data['gpus']} GPUs, which no price list says of its machine"
    said = (data["pool_kind"], data["agreement"], data["class"])
    meant = (bought.pool_kind, bought.agreement, bought.work_class)
    if said != meant:
        yield f"names {', '.join(said)}, and it was bought as {', '.join(meant)}"
    if draws is None and bought.draws:
        yield f"draws nothing down, and falls under {', '.join(sorted(bought.draws))}"
    if draws is not None and draws not in bought.draws:
        yield f"draws down {draws}, which is no commitment that it falls under"


def _drawn(edition: Edition, sought: Sought) -> Iterator[str]:
    """The live commit clauses in favour of who supplies the pool."""
    seen = sought._replace(pool_kind=edition.pool_kind(sought.provider))
    for name, clause in edition.clauses.items():
        if clause.get("effect") != "commit" or not edition.fits(clause, seen):
            continue
        favoured = clause.get("in_favour_of")
        pools = (clause.get("match") or {}).get("pool")
        holders = sought.pool_kind in ("holder", "holder_via")
        if holders if favoured in (None, edition.holder_id) else pools is not None:
            yield name
