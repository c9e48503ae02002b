"""What the facts so far tell of every job: the only thing that the screen knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.values import instant
from workers.demo.way import Asked, Hop, JobTale, Scene


@dataclass(slots=True)
class Tale:
    """Listens to every fact once, in order."""

    jobs: dict[str, JobTale] = field(default_factory=dict)
    placed: Counter[str] = field(default_factory=Counter)
    """Machines that went live, by provider."""
    facts: int = 0
    codes: dict[str, str] = field(default_factory=dict)
    """What the clouds answered, by refusal."""
    offers: dict[str, str] = field(default_factory=dict)
    """The job of each offer."""
    prices: dict[str, Decimal] = field(default_factory=dict)
    """What each live lease costs an hour."""

    def hear(self, fact: Fact) -> str | None:
        """Take a fact in; what is worth telling of it, in words."""
        self.facts += 1
        data, at = fact.data, instant(fact.at)
        if fact.type == "JobSubmitted":
            self.jobs[data["job"]] = _submitted(data, at)
        elif fact.type == "OfferIssued":
            self.offers[data["offer"]] = data["job"]
        elif fact.type == "PlaceRefused":
            self.codes[data["refusal"]] = data["code"]
        job = self.jobs.get(data.get("job") or self.offers.get(data.get("offer") or "", ""))
        tell = _TELLS.get(fact.type)
        if job is None or tell is None:
            return None
        job.changed_at = at
        said = tell(self, job, data)
        return said and f"{job.name}: {said}"

    @property
    def over(self) -> int:
        return sum(job.scene.over for job in self.jobs.values())

    def live(self) -> int:
        return len(self.prices)


def told(facts: Iterable[Fact]) -> Tale:
    """The tale of these facts."""
    tale = Tale()
    for fact in facts:
        tale.hear(fact)
    return tale


def _submitted(data: Mapping[str, Any], at: datetime) -> JobTale:
    terms = data["terms"]
    models = "|".join(terms["accelerators"] or ())
    one = f"{models or 'gpu'}:{terms['gpus_per_unit']}" if terms["gpus_per_unit"] else "cpu"
    shape = f"{one} x{data['units']}" if data["units"] > 1 else one
    return JobTale(
        name=data["name"], units=data["units"], shape=shape, submitted_at=at, changed_at=at
    )


def _issued(_: Tale, job: JobTale, data: Mapping[str, Any]) -> None:
    person = data.get("desk") == "person"
    window = timedelta(seconds=data["window_s"])
    job.offer = Asked(id=data["offer"], units=len(data["units"]), window=window, person=person)


def _delivered(_: Tale, job: JobTale, data: Mapping[str, Any]) -> None:
    if job.offer is not None and job.offer.id == data["offer"]:
        job.offer.expires_at = instant(data["expires_at"])


def _accepted(_: Tale, job: JobTale, data: Mapping[str, Any]) -> str | None:
    offered = job.offer.units if job.offer is not None else len(data["units"])
    job.offer, job.scene = None, Scene.PLACING
    region = data["holds"][0]["region"] if data["holds"] else ""
    if len(data["units"]) == offered:
        job.go(Hop(f"azure {region}".strip(), "azure"))
        return None
    part = f"{len(data['units'])} of {offered}"
    job.go(Hop(f"azure {region} {part}", f"azure {part}"))
    job.go(Hop("rest refused", "rest"))
    return f"azure accepted {part} machines, the rest is released"


def _refused(tale: Tale, job: JobTale, data: Mapping[str, Any]) -> str:
    code = _code(tale, data.get("cites") or (), data["reason"])
    job.offer = None
    job.go(Hop("azure", "azure"), Hop(f"refused ({code})", "refused"))
    return f"azure refused ({code})"


def _lapsed(_: Tale, job: JobTale, data: Mapping[str, Any]) -> str:
    person = job.offer is not None and job.offer.person
    job.offer = None
    job.go(Hop("azure", "azure"), Hop("lapsed (no answer)", "lapsed"))
    return f"azure's window lapsed, {'nobody at the desk answered' if person else data['reason']}"


def _withdrawn(_: Tale, job: JobTale, data: Mapping[str, Any]) -> str:
    job.offer = None
    job.go(Hop("azure", "azure"), Hop(f"withdrawn ({data['why']})", "withdrawn"))
    return f"the offer to azure is withdrawn ({data['why']})"


def _released(tale: Tale, job: JobTale, data: Mapping[str, Any]) -> str | None:
    if data["basis"] != "standing_refusal":
        return None
    code = _code(tale, data["cites"], "no_capacity")
    job.go(Hop("azure", "azure"), Hop(f"still refused ({code})", "refused"))
    return f"azure refused just now ({code}), and is not asked twice"


def _stale(_: Tale, job: JobTale, __: Mapping[str, Any]) -> None:
    job.hops.clear()
    job.scene = Scene.QUEUED


def _committed(_: Tale, job: JobTale, data: Mapping[str, Any]) -> None:
    job.scene = Scene.PLACING if job.scene is Scene.QUEUED else job.scene
    job.go(Hop(f"{data['provider']} {data['region']}", data["provider"]))


def _not_delivered(_: Tale, job: JobTale, data: Mapping[str, Any]) -> str:
    name = data["provider"]
    job.hops = [hop for hop in job.hops if hop.short != name]
    job.go(Hop(f"{name} full", f"{name} full"))
    return f"{name} could not deliver ({data['code'] or data['reason']})"


def _live(tale: Tale, job: JobTale, data: Mapping[str, Any]) -> None:
    price = Decimal(data.get("price_usd_hour") or 0)
    tale.placed[data["provider"]] += 1
    tale.prices[data["lease"]] = price
    job.usd_hour += price
    job.live += 1


def _ended(tale: Tale, job: JobTale, data: Mapping[str, Any]) -> None:
    job.live -= 1
    job.usd_hour -= tale.prices.pop(data["lease"], Decimal(0))


def _started(_: Tale, job: JobTale, __: Mapping[str, Any]) -> str:
    job.scene = Scene.RUNNING
    part = f"{job.live} of {job.units} machines" if job.live < job.units else job.shape
    return f"{job.way()} running, {part}, {job.usd_hour:.2f} $/h"


def _over(scene: Scene) -> Callable[[Tale, JobTale, Mapping[str, Any]], str]:
    def tell(_: Tale, job: JobTale, data: Mapping[str, Any]) -> str:
        job.scene, job.offer = scene, None
        code, reason = data.get("exit_code"), data.get("reason")
        why = f"exit code {code}" if code is not None else str(reason or "")
        job.end = f"{scene.value} ({why})" if why and scene is not Scene.FINISHED else scene.value
        return job.end

    return tell


def _code(tale: Tale, cites: Iterable[str], otherwise: str) -> str:
    """What the first refused place answered; the reason where none was asked."""
    return next((tale.codes[name] for name in cites if name in tale.codes), otherwise)


_TELLS: Final[Mapping[str, Callable[[Tale, JobTale, Mapping[str, Any]], str | None]]] = {
    "OfferIssued": _issued,
    "OfferDelivered": _delivered,
    "OfferAccepted": _accepted,
    "OfferRefused": _refused,
    "OfferLapsed": _lapsed,
    "OfferWithdrawn": _withdrawn,
    "UnitsReleased": _released,
    "ReleaseExpired": _stale,
    "ThirdPartyCommitted": _committed,
    "CommitmentFailed": _not_delivered,
    "LeaseActivated": _live,
    "LeaseEnded": _ended,
    "JobStarted": _started,
    "JobFinished": _over(Scene.FINISHED),
    "JobFailed": _over(Scene.FAILED),
    "JobCancelled": _over(Scene.CANCELLED),
    "JobUnmet": _over(Scene.UNMET),
}
