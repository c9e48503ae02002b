"""Logs told fact by fact: good stories to audit, and the means to spoil them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from broker.domain.chain import GENESIS, Fact, canonical, seal
from broker.domain.values import decimal_text, instant_text

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW_S: Final = 600
OWN: Final = "the hash of what is said"
AGREEMENT: Final = {"agreement": "first-refusal", "edition": "2026-01-01"}

CONTENTS: Final = ("offer_id", "version", "class", "units", "shape", "price_ceiling", "issued_at")
_MILLIONTH: Final = Decimal("0.000001")

TERMS: Final = {
    "accelerators": ["A100-80GB"],
    "gpus_per_unit": 8,
    "regions": ["eu-*"],
    "price_usd_hour": "32.77",
    "start_by": "2026-03-02T18:00:00.000000Z",
    "duration_s": 3600,
    "provision_by": None,
    "chunk": 1,
    "interruptible": False,
    "prepay_usd": None,
    "min_term_s": None,
}

HOLDER: Final = {
    "id": "holder",
    "pools": ["azure"],
    "fulfil_via": [
        {"pool": "oci-via-azure", "needs": "acceptance"},
        {"pool": "aws-via-azure", "needs": "consent"},
    ],
}
EDITION: Final = {
    **AGREEMENT,
    "status": "in_force",
    "supersedes": None,
    "effective": {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"},
    "parties": {"grantor": {"id": "buyer"}, "holder": HOLDER},
    "clauses": [
        {
            "id": "serving-exclusive",
            "effect": "exclusive",
            "match": {"class": ["inference_api"], "capacity": ["new", "renewal"]},
            "until": {"earliest_of": [{"condition": "agi"}]},
            "exceptions": ["consent", "continuity"],
        },
        {
            "id": "new-capacity",
            "effect": "rofr",
            "match": {"class": ["pretraining", "research"], "capacity": ["new", "renewal"]},
            "until": {"earliest_of": [{"date": "2031-01-01T00:00:00Z"}]},
            "rofr": {
                "notice": {"contents": list(CONTENTS), "withhold": ["tenant"]}
                | {"deemed_receipt": {"attempts": 2, "channels": 2, "after": "PT5M"}},
                "window": {"minimum": "PT30S"},
                "requote": {"max": 1, "window": "PT10M"},
                "after_refusal": {"tail": "PT24H", "tolerance_price": "0"},
                "standing_answers": {"refusal_max_age": "PT15M", "acceptance_max_age": "PT15M"},
                "on_default": {"suspend_after": {"defaults": 1, "within": "P30D"}},
                "on_holder_unavailable": {"evidence": {"probes": 3, "vantage": 2, "over": "PT5M"}},
                "de_minimis": {"units": 2, "per_tenant_window": "P1D", "cap_units": 3},
                "lease": {"term": "P1D", "renew_before": "PT1H"},
                "reclaim": {"notice": "PT10M", "checkpointable_only": True},
            },
        },
        {
            "id": "own-build",
            "effect": "permit",
            "carves_out": ["new-capacity"],
            "match": {"class": ["research"], "pool_kind": ["own_built"]},
            "soft_limit": {
                "measure": "gpu_hours",
                "classes": ["research"],
                "min_share": "0.5",
                "over": "P2D",
            },
        },
        {"id": "any-cloud", "effect": "permit", "carves_out": [], "match": {"class": ["*"]}},
        {
            "id": "baseline",
            "effect": "commit",
            "in_favour_of": "holder",
            "match": {"class": ["*"], "pool": ["azure"]},
            "meter": {"unit": "usd", "amount": None},
        },
    ],
    "conditions": {"agi": {"kind": "attested", "attestor": "grantor"}},
    "consents": [
        {
            "id": "consent-1",
            "of_clause": "serving-exclusive",
            "from": "2026-02-01T00:00:00Z",
            "to": None,
            "match": {"class": ["inference_api"], "pool": ["oracle"]},
        }
    ],
}


SHAPE: Final = {"accelerators": ["A100-80GB"], "gpus": 8, "cpus": 0, "memory_gib": 0}
_MACHINE: Final = {"accelerator": "A100-80GB", "gpus": 8, "cpus": 96, "memory_gib": 1152}
_PLACES: Final = (
    ("azure", "eu-west", "nd8", "holder", "32.77"),
    ("aws", "eu-central-1", "p4", "third_party_cloud", "29.5"),
    ("gcp", "eu-central-1", "p4", "third_party_cloud", "29.5"),
    ("oracle", "eu-central-1", "p4", "third_party_cloud", "29.5"),
    ("own", "eu-central-1", "p4", "own_built", "29.5"),
)
PRICES: Final[dict[str, Any]] = {
    "list_id": "list-1",
    "pools": [
        {"provider": provider, "region": region, "sku": sku, "kind": kind, **_MACHINE}
        | {"price_usd_hour": price, "priced_at": "2026-02-01"}
        for provider, region, sku, kind, price in _PLACES
    ],
}


def cheapest_at(provider: str) -> dict[str, Any]:
    """A later list, in which the other third parties have become a little dearer."""
    others = [
        row if row["provider"] in (provider, "azure") else {**row, "price_usd_hour": "29.6"}
        for row in PRICES["pools"]
    ]
    return {"list_id": f"list-{provider}", "pools": others}


@dataclass(slots=True, kw_only=True)
class Draft:
    """A fact before it is sealed; a test may change it."""

    at: datetime
    stream: str
    type: str
    data: dict[str, Any]


@dataclass(slots=True)
class Story:
    """What happened, in order, told against a clock that only the teller moves."""

    now: datetime = NOON
    drafts: list[Draft] = field(default_factory=list)

    def after(self, seconds: float) -> Story:
        self.now += timedelta(seconds=seconds)
        return self

    def later(self, seconds: float) -> str:
        return instant_text(self.now + timedelta(seconds=seconds))

    def tell(self, stream: str, type_: str, **data: object) -> Story:
        plain = json.loads(canonical(data))
        self.drafts.append(Draft(at=self.now, stream=stream, type=type_, data=plain))
        return self

    def agreed(self, type_: str, **data: object) -> Story:
        """Something is put on record of the agreement."""
        return self.tell("agreement/first-refusal", type_, agreement="first-refusal", **data)

    def edition(self) -> Story:
        self.tell("agreement/first-refusal", "EditionRecorded", **EDITION)
        return self.tell("prices/list-1", "PricesListed", **PRICES)

    def outage(self, since: datetime, to: datetime) -> Story:
        span = {"from": instant_text(since), "to": instant_text(to)}
        return self.tell("broker", "BrokerDown", **{"from": span["from"]}).tell(
            "broker", "BrokerUp", **span
        )

    def place_refused(self, refusal: str, **changed: object) -> Story:
        place = {"provider": "azure", "region": "eu-west", "sku": "nd8", "units": 1}
        why = {"code": "AllocationFailed", "reason": "no_capacity", "offer": None}
        valid = {"valid_until": self.later(900)}
        return self.tell(
            "place/azure/eu-west/nd8",
            "PlaceRefused",
            **{"refusal": refusal, **place, **why, **valid, **changed},
        )

    def job(self, name: str = "j1") -> Telling:
        return Telling(self, name)


@dataclass(slots=True)
class Telling:
    """The facts of one job, in its own stream."""

    story: Story
    job: str

    def tell(self, type_: str, **data: object) -> Telling:
        self.story.tell(f"job/{self.job}", type_, **data)
        return self

    def after(self, seconds: float) -> Telling:
        self.story.after(seconds)
        return self

    def submitted(self, units: int = 1, **changed: object) -> Telling:
        asked = {"job": self.job, "tenant": "lab", "kind": "training", "class": "pretraining"}
        form = {"tags": [], "units": units, "gang": 0, "chunk": 1, "terms": TERMS}
        form |= {"shape": SHAPE, "exclude": []}
        return self.tell(
            "JobSubmitted", **{**asked, **form, "patience_until": None, **AGREEMENT, **changed}
        )

    def offered(
        self,
        offer: str,
        *units: int,
        kind: str = "right",
        supersedes: str | None = None,
        scope: str = "new",
    ) -> Telling:
        said = {"offer": offer, "kind": kind, "version": 1, "job": self.job, "units": units}
        under = {**AGREEMENT, "clause": "new-capacity", "terms": TERMS, "window_s": WINDOW_S}
        sent = {"notice_sha256": OWN, "supersedes": supersedes, "desk": "person", "scope": scope}
        return self.tell("OfferIssued", **said, **under, **sent)

    def noticed(self, notice: str, *offers: str) -> Telling:
        said = {"notice": notice, **AGREEMENT, "clause": "new-capacity", "offers": offers}
        self.story.tell(f"notice/{notice}", "NoticeWritten", **said, fields=CONTENTS, sha256=OWN)
        return self

    def delivered(self, offer: str) -> Telling:
        expires = self.story.later(WINDOW_S)
        return self.tell("OfferDelivered", offer=offer, how="ack", expires_at=expires)

    def tolled(self, offer: str, by_s: int, expires_at: str) -> Telling:
        instants = {"expires_at": expires_at, "deliver_by": None, "cure_until": None}
        return self.tell("OfferTolled", offer=offer, by_s=str(by_s), **instants)

    def accepted(self, offer: str, *units: int) -> Telling:
        times = {"deliver_by": self.story.later(7200), "cure_until": self.story.later(8100)}
        return self.tell("OfferAccepted", offer=offer, units=units, holds=[], **times)

    def refused(self, offer: str, *units: int) -> Telling:
        return self.tell("OfferRefused", offer=offer, units=units, reason="no_capacity")

    def released(
        self, basis: str, *units: int, offer: str | None = None, cites: Sequence[str] = ()
    ) -> Telling:
        tail = self.story.later(86400)
        free = {"ceiling": TERMS, "tail_until": tail, "cites": cites or [offer or ""]}
        return self.tell(
            "UnitsReleased", job=self.job, units=units, basis=basis, offer=offer, **free
        )

    def committed(
        self,
        commitment: str,
        *units: int,
        basis: str,
        cites: Sequence[str],
        provider: str = "aws",
        pool_kind: str = "third_party_cloud",
        renews: str | None = None,
        listed: tuple[str, str] | None = None,
    ) -> Telling:
        if provider != "aws":  # which comes first by name, where all cost the same
            self.story.tell("prices/list-2", "PricesListed", **cheapest_at(provider))
        price, list_id = listed or ("29.5", "list-1" if provider == "aws" else f"list-{provider}")
        terms = {**TERMS, "regions": ["eu-central-1"], "price_usd_hour": price}
        place = {"provider": provider, "pool_kind": pool_kind, "region": "eu-central-1"}
        what = {"commitment": commitment, "job": self.job, "units": units, "terms": terms}
        why = {
            "basis": basis,
            "cites": cites,
            "list_id": list_id,
            "passed_over": [],
            "renews": renews,
        }
        return self.tell("ThirdPartyCommitted", **what, **place, sku="p4", **AGREEMENT, **why)

    def held(
        self,
        commitment: str,
        *units: int,
        offer: str | None,
        hold: str | None = None,
        **changed: object,
    ) -> Telling:
        place = {"provider": "azure", "pool_kind": "holder", "region": "eu-west", "sku": "nd8"}
        what = {"commitment": commitment, "job": self.job, "units": units, "terms": TERMS}
        holds = [hold or f"{self.job}-{commitment}"]
        said = {**what, **place, **AGREEMENT, "offer": offer, "holds": holds, **changed}
        return self.tell("HolderCommitted", **said)

    def live(
        self,
        commitment: str,
        unit: int,
        provider: str = "aws",
        epoch: int = 1,
        *,
        term_until: str | None = None,
    ) -> Telling:
        lease = self._lease(commitment, unit, provider, epoch)
        price = "32.77" if provider == "azure" else "29.5"
        return self.tell("LeaseActivated", **lease, price_usd_hour=price, term_until=term_until)

    def renewed(
        self, old: str, commitment: str, unit: int, term_until: str, provider: str = "aws"
    ) -> Telling:
        """The lease goes on under another commitment; what was before is billed under the old."""
        lease = self._lease(old, unit, provider, 1)
        name, until = f"{self.job}-{unit}-1", {"term_until": term_until}
        said = {"job": self.job, "unit": unit, "epoch": 1, "lease": name, **until}
        bill = self._bill(old, lease, goes_on=True)
        self.tell("LeaseRenewed", **said, commitment=commitment)
        return self.tell("LeaseBilled", **bill)

    def started(self, unit: int, *before: str, epoch: int = 1) -> Telling:
        for type_ in before:
            self.tell(type_, job=self.job)
        lease = f"{self.job}-{unit}-{epoch}"
        return self.tell("UnitStarted", job=self.job, unit=unit, epoch=epoch, lease=lease)

    def let_go(
        self,
        commitment: str,
        unit: int,
        provider: str = "aws",
        epoch: int = 1,
        *,
        cause: str = "finished",
        exit_code: int | None = 0,
    ) -> Telling:
        lease = self._lease(commitment, unit, provider, epoch)
        self.tell("LeaseEnded", **lease, cause=cause, exit_code=exit_code)
        return self.tell("LeaseBilled", **self._bill(commitment, lease))

    def finished(self) -> Telling:
        return self.tell("JobFinished", job=self.job, exit_code=0)

    def _lease(self, commitment: str, unit: int, provider: str, epoch: int) -> dict[str, object]:
        which = {"job": self.job, "unit": unit, "epoch": epoch, "provider": provider}
        return {**which, "lease": f"{self.job}-{unit}-{epoch}", "commitment": commitment}

    def _bill(
        self, commitment: str, lease: Mapping[str, object], *, goes_on: bool = False
    ) -> dict[str, object]:
        """By whole seconds, as the stories are told."""
        bought = self._told("Committed", "commitment", commitment)
        live = self._told(("LeaseActivated", "LeaseRenewed"), "lease", lease["lease"])
        job = self._told("JobSubmitted", "job", self.job)
        price = live.data.get("price_usd_hour") or bought.data["terms"]["price_usd_hour"]
        seconds = int((self.story.now - live.at).total_seconds())
        usd = (Decimal(price) * seconds / 3600).quantize(_MILLIONTH)
        return {
            **{name: lease[name] for name in ("lease", "job", "unit", "provider", "commitment")},
            **{name: bought.data[name] for name in ("pool_kind", "agreement")},
            "class": job.data["class"],
            "gpus": 8,
            "seconds": str(seconds),
            "gpu_seconds": str(8 * seconds),
            "usd": decimal_text(usd),
            "draws": "baseline" if lease["provider"] == "azure" else None,
            "goes_on": goes_on,
        }

    def _told(self, type_: str | tuple[str, ...], name: str, value: object) -> Draft:
        found = (d for d in reversed(self.story.drafts) if d.type.endswith(type_))
        return next(draft for draft in found if draft.data[name] == value)


def entry(drafts: Iterable[Draft], offer: str) -> dict[str, Any] | None:
    """What the notice of an offer says, by the drafts that tell of it."""
    told = list(drafts)
    issued = [d for d in told if d.type == "OfferIssued" and d.data["offer"] == offer]
    jobs = {d.data["job"]: d.data for d in told if d.type == "JobSubmitted"}
    if not issued or issued[-1].data["job"] not in jobs:
        return None
    data, job = issued[-1].data, jobs[issued[-1].data["job"]]
    return {
        "offer_id": offer,
        "version": data["version"],
        "class": job["class"],
        "units": len(data["units"]),
        "shape": {"gpus_per_unit": data["terms"]["gpus_per_unit"], "chunk": job["chunk"]},
        "price_ceiling": data["terms"]["price_usd_hour"],
        "issued_at": instant_text(issued[-1].at),
    }


def _hashed(drafts: Sequence[Draft], draft: Draft) -> dict[str, Any]:
    """The fact's data, with the hash that belongs there where the story leaves it open."""
    data = draft.data
    if data.get("notice_sha256") == OWN:
        return {**data, "notice_sha256": _sha256(entry(drafts, data["offer"]))}
    if draft.type == "NoticeWritten" and data["sha256"] == OWN:
        entries = [entry(drafts, offer) for offer in data["offers"]]
        return {**data, "sha256": _sha256({"notice": data["notice"], "offers": entries})}
    if draft.type == "NoticeSent" and data["sha256"] == OWN:
        written = next(d for d in drafts if d.data.get("notice") == data["notice"])
        return {**data, "sha256": _hashed(drafts, written)["sha256"]}
    return data


def _sha256(said: object) -> str:
    return sha256(canonical(said).encode()).hexdigest()


def sealed(drafts: Iterable[Draft]) -> list[Fact]:
    """The drafts as a log: positions and versions dense, every hash in its place."""
    drafts = list(drafts)
    versions: dict[str, int] = {}
    facts: list[Fact] = []
    previous = GENESIS
    for position, draft in enumerate(drafts, start=1):
        version = versions[draft.stream] = versions.get(draft.stream, 0) + 1
        at = instant_text(draft.at)
        data = _hashed(drafts, draft)
        text = canonical(data)
        hash_ = seal(position, at, draft.stream, version, draft.type, text, previous)
        facts.append(Fact(position, at, draft.stream, version, draft.type, data, previous, hash_))
        previous = hash_
    return facts


def resealed(facts: Iterable[Fact]) -> list[Fact]:
    """The same facts chained anew, their positions dense, their versions as they are."""
    chained: list[Fact] = []
    previous = GENESIS
    for position, fact in enumerate(facts, start=1):
        text = canonical(fact.data)
        hash_ = seal(position, fact.at, fact.stream, fact.version, fact.type, text, previous)
        chained.append(fact._replace(position=position, previous=previous, hash=hash_))
        previous = hash_
    return chained
