"""What the domain has, as people are shown it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.job import Job, JobState, UnitState
from broker.domain.market import bought_as
from broker.domain.offer import Offer
from broker.domain.release import Basis
from broker.domain.values import Usd, plain
from broker.ports import LogChunk
from broker.store.board import FleetMachine
from broker.wire import ChunkView, FactView, JobView, MachineView, OfferView, PlaceView, Stage

_PURCHASES: Final = frozenset({"HolderCommitted", "ThirdPartyCommitted"})
_SPILLS: Final = frozenset(
    {
        Basis.REFUSAL.value,
        Basis.LAPSE.value,
        Basis.DEFAULT.value,
        Basis.SUSPENSION.value,
        Basis.UNAVAILABILITY.value,
        Basis.STANDING_REFUSAL.value,
    }
)
_FARTHEST_FIRST: Final = (
    (UnitState.ACTIVE, Stage.STARTING),
    (UnitState.COMMITTED, Stage.PLACING),
    (UnitState.ACCEPTED, Stage.PLACING),
    (UnitState.RELEASED, Stage.RELEASED),
    (UnitState.OFFERED, Stage.OFFERED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Where units of a job were bought, as its facts tell it."""

    provider: str
    region: str
    sku: str
    purchase: str
    price_usd_hour: Usd | None
    spilled: bool


def bought(job: Job) -> bool:
    """Whether anything of it was ever committed to, so that its facts are worth reading."""
    return any(unit.commitment is not None for unit in job.units)


def purchases(facts: Iterable[Fact]) -> dict[str, Purchase]:
    """The purchases told by a job's facts, by their commitment."""
    return {
        fact.data["commitment"]: _purchase(fact.data) for fact in facts if fact.type in _PURCHASES
    }


def _purchase(data: Mapping[str, Any]) -> Purchase:
    price = data["terms"]["price_usd_hour"]
    return Purchase(
        provider=data["provider"],
        region=data["region"],
        sku=data["sku"],
        purchase=bought_as(data).value,
        price_usd_hour=None if price is None else Decimal(price),
        spilled=data.get("basis") in _SPILLS,
    )


def stage(job: Job) -> Stage:
    """The farthest that any of its units has come."""
    if job.state is not JobState.QUEUED:
        return Stage(job.state.value)
    present = {unit.state for unit in job.units}
    return next((stage for state, stage in _FARTHEST_FIRST if state in present), Stage.QUEUED)


def job_view(job: Job, known: Mapping[str, Purchase]) -> JobView:
    work = job.workload
    mine = [known[name] for unit in job.units if (name := unit.commitment) and name in known]
    places = Counter((one.provider, one.region, one.sku, one.purchase) for one in mine)
    prices = [one.price_usd_hour for one in mine if one.price_usd_hour is not None]
    shape = work.shape
    return JobView(
        id=job.id,
        name=work.name,
        kind=work.kind.value,
        state=job.state,
        stage=stage(job),
        tenant=work.tenant,
        workload_class=work.work_class.value,
        tags=work.tags,
        gpu=f"{'|'.join(shape.accelerators) or 'any'}:{shape.gpus}" if shape.gpus else "",
        units=work.units,
        units_by_state=Counter(unit.state.value for unit in job.units),
        attempt=max((unit.epoch for unit in job.units), default=0),
        preempted=sum(unit.preempted for unit in job.units),
        places=tuple(
            PlaceView(provider=provider, region=region, sku=sku, purchase=how, units=units)
            for (provider, region, sku, how), units in places.items()
        ),
        providers=tuple(dict.fromkeys(one.provider for one in mine)),
        price_usd_hour=sum(prices, Decimal(0)) if prices else None,
        spilled=any(one.spilled for one in mine),
        priority=work.priority,
        labels=work.labels,
        submitted_at=job.submitted_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        exit_code=job.exit_code,
        reason=job.reason,
        trouble=job.trouble,
        agreement=job.agreement,
    )


def offer_view(offer: Offer) -> OfferView:
    return OfferView(
        id=offer.id,
        job=offer.job,
        kind=offer.kind.value,
        state=offer.state.value,
        version=offer.version,
        units=offer.units,
        accepted=offer.accepted,
        gang=offer.gang,
        workload_class=offer.work_class,
        agreement=offer.agreement,
        edition=offer.edition,
        clause=offer.clause,
        holder=offer.holder,
        desk=offer.desk.value,
        terms=plain(offer.terms),
        window_s=offer.mechanics.window_s,
        issued_at=offer.issued_at,
        expires_at=offer.expires_at,
        deliver_by=offer.deliver_by,
        notice=offer.notice,
        quote=offer.quote,
        quote_until=offer.quote_until,
    )


def machine_view(seen: FleetMachine) -> MachineView:
    machine = seen.machine
    return MachineView(
        name=machine.name,
        job=machine.job,
        unit=machine.unit,
        provider=machine.place.provider.value,
        region=machine.place.region,
        sku=machine.place.sku,
        purchase=machine.place.purchase.value,
        state=machine.state.value,
        run=machine.run.value,
        price_usd_hour=machine.price_usd_hour,
        wanted_at=machine.wanted_at,
        up_at=machine.up_at,
        heard_at=seen.seen_at,
        because=machine.because,
    )


def fact_views(facts: Sequence[Fact]) -> tuple[FactView, ...]:
    return tuple(FactView.model_construct(**fact._asdict()) for fact in facts)


def chunk_view(number: int, chunk: LogChunk) -> ChunkView:
    return ChunkView.model_construct(
        number=number, unit=chunk.unit, at=chunk.at, stream=chunk.stream, text=chunk.text
    )
