"""The real steps on the memory store, driven as workers drive them: by what is due, and by time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from broker.agreements.registry import shipped
from broker.agreements.series import following
from broker.domain.agreement import Agreement
from broker.domain.chain import Fact
from broker.domain.job import Job, UnitState
from broker.domain.laws.audit import audit, sentences
from broker.domain.machine import Machine, RunState
from broker.domain.market import Place, Pool, PoolKind
from broker.domain.offer import Desk, Offer
from broker.domain.values import JobId, ProviderName, usd
from broker.domain.workload import Kind, Limits, Shape, WorkClass, Workload
from broker.ports import Post
from broker.replay.world import CountingIds, VirtualClock
from broker.steps.announce import announce
from broker.steps.answer import Judgement, record_answer
from broker.steps.cancel import cancel_jobs
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.provision import provision
from broker.steps.reconcile import reconcile
from broker.steps.record import record_editions, record_prices
from broker.steps.rulebook import Rulebook
from broker.steps.run import Notice, Reply, Report, enrol, hear, token_of
from broker.steps.said import Answer, AnswerKind, Hold
from broker.steps.submit import Submission, submit_jobs
from broker.store.memory import MemoryStore
from tests.support.pretend import PretendCloud

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
EAST: Final = Place(ProviderName.AZURE, "eastus", "nd")
WEST: Final = Place(ProviderName.AZURE, "westus", "nd")
AWS: Final = Place(ProviderName.AWS, "us-east-1", "p4")
GCP: Final = Place(ProviderName.GCP, "us-central1", "a2")
ORACLE: Final = Place(ProviderName.ORACLE, "us-ashburn-1", "bm")
OWN: Final = Place(ProviderName.OWN, "home", "rack")
PRICES: Final[Mapping[Place, str]] = {
    EAST: "3.00",
    WEST: "3.10",
    AWS: "2.50",
    GCP: "2.60",
    ORACLE: "2.70",
    OWN: "1.00",
}
_KINDS: Final = {ProviderName.AZURE: PoolKind.HOLDER, ProviderName.OWN: PoolKind.OWN_BUILT}
_SECRET: Final = b"a secret of this test"
_TOO_OFTEN: Final = 2000
"""A step that runs so often in one instant makes itself due again and again."""


def pool(place: Place, price: str | None = None, **changed: Any) -> Pool:  # noqa: ANN401
    """A machine with one GPU."""
    kind = _KINDS.get(place.provider, PoolKind.THIRD_PARTY_CLOUD)
    cost = usd(price or PRICES[place])
    machine = Pool(
        place=place,
        kind=kind,
        accelerator="A100-80GB",
        gpus=1,
        cpus=12,
        memory_gib=100,
        price_usd_hour=cost,
    )
    return replace(machine, **changed)


def work(**changed: Any) -> Workload:  # noqa: ANN401
    one = Workload(
        name="job",
        tenant="lab",
        kind=Kind.BATCH,
        work_class=WorkClass.BATCH_INFERENCE,
        run="true",
        shape=Shape(accelerators=("A100-80GB",), gpus=1),
    )
    return replace(one, **changed)


def a_gang(units: int, **changed: Any) -> Workload:  # noqa: ANN401
    return work(units=units, gang=True, chunk=units, **changed)


def in_regions(*patterns: str) -> Limits:
    return Limits(regions=patterns)


@dataclass(kw_only=True)
class Broker:
    clock: VirtualClock
    store: MemoryStore
    rules: Rulebook
    clouds: Mapping[ProviderName, PretendCloud]
    ids: CountingIds
    sessions: set[str] = field(default_factory=set)
    post: Post | None = None
    """What puts notices to webhooks."""

    # -- what a tenant does

    def submit(self, *works: Workload) -> list[JobId]:
        submissions = [Submission(workload=one) for one in works]
        return submit_jobs(submissions, self.store, self.rules, self.ids)

    def placed(self, *works: Workload) -> list[JobId]:
        """Submit, and do all that can be done at once."""
        jobs = self.submit(*works)
        self.settle()
        return jobs

    def cancel(self, job: JobId) -> None:
        cancel_jobs([job], "asked", 0, self.store)
        self.settle()

    # -- what the holder's people do

    def answer(
        self,
        job: JobId,
        kind: AnswerKind = AnswerKind.ACCEPT,
        holds: Sequence[tuple[Place, int]] = (),
        names: Mapping[int, str] | None = None,
        *,
        kept: Sequence[Hold] = (),
        **said: Any,  # noqa: ANN401
    ) -> Judgement:
        """Answer the job's last offer."""
        last = [f.data["offer"] for f in self.facts("OfferIssued") if f.data["job"] == job][-1]
        kept = tuple(kept) or tuple(
            Hold(hold=name, units=units, region=place.region, sku=place.sku)
            for number, (place, units) in enumerate(holds)
            for name in [(names or {}).get(number, f"{last}-{number}")]
        )
        told = Answer(kind=kind, holds=kept, by="clerk", **said)
        return record_answer(last, told, self.store, self.rules, self.ids)

    # -- what workers and agents do

    def settle(self) -> None:
        """Every step that is due at this instant, until none is."""
        for _ in range(_TOO_OFTEN):
            due = self.store.next_due()
            if due is None or due > self.clock.at:
                return
            self.step()
        raise AssertionError(f"the broker never comes to rest at {self.clock.at}")

    def step(self) -> None:
        place_round(self.store, self.rules)
        put_offers(self.store, self.rules)
        if self.post is not None:
            announce(self.store, self.rules, self.post)
        for name, cloud in self.clouds.items():
            provision(name, cloud, self.store, self.rules)

    def wait(self, seconds: float) -> None:
        """Let so much time pass, and do what is due when it is due."""
        self.until(self.clock.at + timedelta(seconds=seconds))

    def until(self, end: datetime) -> None:
        self.settle()
        while (due := self.store.next_due()) is not None and due <= end:
            self.clock.at = max(due, self.clock.at)
            self.settle()
        self.clock.at = end

    def reconcile(self) -> int:
        clouds = self.clouds.items()
        ended = [reconcile(name, cloud, self.store, self.rules) for name, cloud in clouds]
        self.settle()
        return sum(ended)

    def report(
        self,
        machine: Machine,
        state: RunState,
        exit_code: int | None = None,
        *,
        timed_out: bool = False,
        notice: Notice | None = None,
    ) -> Reply:
        """What the agent on a machine says; it enrols when it speaks for the first time."""
        session = f"session of {machine.name}"
        if session not in self.sessions:
            enrol(token_of(machine.name, _SECRET), session, _SECRET, self.store)
            self.sessions.add(session)
        told = Report(state=state, lease=machine.lease, exit_code=exit_code, port=4711)
        return hear(session, replace(told, timed_out=timed_out, notice=notice), self.store)

    def notice(self, job: JobId, unit: int = 0, seconds: float = 30) -> datetime:
        """The agent reads that its cloud takes the machine back so soon."""
        until = self.clock.at + timedelta(seconds=seconds)
        told = Notice(until, "Preempt")
        self.report(self.machine(job, unit), RunState.RUNNING, notice=told)
        return until

    def evict(self, job: JobId, unit: int = 0) -> Machine:
        """A cloud takes the machine of a unit back without a word, and the broker compares."""
        machine = self.machine(job, unit)
        self.clouds[machine.place.provider].evict(machine.name)
        self.reconcile()
        return machine

    def exit(self, job: JobId, unit: int = 0, code: int = 0, *, timed_out: bool = False) -> None:
        """The command of one unit runs, and ends."""
        machine = self.machine(job, unit)
        self.report(machine, RunState.RUNNING)
        self.report(machine, RunState.ENDED, code, timed_out=timed_out)
        self.settle()

    # -- what there is to see

    def job(self, job: JobId) -> Job:
        return self.store.jobs[job]

    def states(self, job: JobId) -> list[str]:
        return [unit.state.value for unit in self.job(job).units]

    def active(self, job: JobId) -> bool:
        return all(unit.state is UnitState.ACTIVE for unit in self.job(job).units)

    def offer(self, job: JobId) -> Offer:
        """The job's last offer."""
        offers = [o for o in self.store.past_offers.values() if o.job == job]
        return max(offers, key=lambda offer: offer.version)

    def machine(self, job: JobId, unit: int = 0) -> Machine:
        """The machine leased to a unit."""
        leased = self.store.live[job].values()
        return next(m for m in leased if m.unit == unit and m.lease is not None)

    def where(self, job: JobId) -> list[Place]:
        """The places of the machines leased to the job, by unit."""
        leased = [m for m in self.store.live[job].values() if m.lease is not None]
        return [m.place for m in sorted(leased, key=lambda machine: machine.unit)]

    def facts(self, *types: str, **wanted: object) -> list[Fact]:
        self.store.seal(1_000_000)
        found = self.store.facts(limit=1_000_000)
        return [
            fact
            for fact in found
            if (not types or fact.type in types)
            and all(fact.data.get(name) == value for name, value in wanted.items())
        ]

    def audited(self) -> None:
        report = audit(self.facts())
        assert report.holds, "\n".join(sentences(report))


@contextmanager
def a_broker(
    stock: Mapping[Place, int],
    *,
    agreement: Agreement | None = None,
    desk: Desk = Desk.AUTOMATIC,
    pools: Sequence[Pool] | None = None,
    start: datetime = NOON,
) -> Iterator[Broker]:
    """A broker among clouds that have so much. In the end its log is audited."""
    clock, ids = VirtualClock(start), CountingIds()
    store = MemoryStore(clock, ids)
    known = agreement or shipped()["azure-first-refusal"]
    rules = Rulebook(
        agreements={known.name: known},
        default_agreement=known.name,
        pools=tuple(pools or [pool(place) for place in stock]),
        desk_for=lambda _: desk,
        follow=following,
    )
    names = sorted({place.provider for place in stock})
    clouds = {
        name: PretendCloud(
            name=name,
            clock=clock,
            stock={place: count for place, count in stock.items() if place.provider is name},
        )
        for name in names
    }
    record_editions(store, [known])
    record_prices(store, rules.pools)
    broker = Broker(clock=clock, store=store, rules=rules, clouds=clouds, ids=ids)
    yield broker
    broker.audited()
