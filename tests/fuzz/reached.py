"""What the histories have reached: a rare path that is never reached has not been tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.taking_back import REFUSED
from tests.fuzz.history import Verdict
from tests.fuzz.webhooks import Answers

LEAST: Final[Mapping[str, float]] = {
    "offers under a right": 2000,
    "orders": 300,
    "offers under the second edition": 300,
    "offers to a gang": 300,
    "receipts by ack": 1500,
    "receipts by answer": 300,
    "receipts deemed": 500,
    "acceptances of all": 500,
    "acceptances of part": 100,
    "refusals": 1000,
    "counters": 5,
    "queries": 5,
    "lapses": 500,
    "defaults": 3,
    "late answers": 50,
    "duplicate answers": 200,
    "nonconforming answers": 30,
    "answers at the brink of a window": 100,
    "withdrawals for a cancelled job": 50,
    "withdrawals for a fault": 0.5,
    "withdrawals for a holder unavailable": 5,
    "releases on refusal": 500,
    "releases on lapse": 300,
    "releases on default": 2,
    "releases on standing_refusal": 40,
    "releases on suspension": 1,
    "releases on unavailability": 5,
    "releases that went stale": 500,
    "releases whose tail ended": 50,
    "third-party commitments on refusal": 1000,
    "third-party commitments on lapse": 200,
    "third-party commitments on default": 1,
    "third-party commitments on standing_refusal": 100,
    "third-party commitments on carve_out": 100,
    "third-party commitments on free": 300,
    "third-party commitments on waiver": 50,
    "third-party commitments on de_minimis": 100,
    "third-party commitments on suspension": 1,
    "third-party commitments on unavailability": 10,
    "third-party commitments on consent": 10,
    "third-party commitments on continuity": 3,
    "holder commitments": 1000,
    "commitments that failed": 1000,
    "refused places": 1500,
    "troubles of ours": 30,
    "cool-downs cleared": 30,
    "leases": 2000,
    "leases lost": 50,
    "leases regrouped": 10,
    "jobs finished": 10,
    "jobs failed": 50,
    "jobs cancelled": 100,
    "jobs unmet": 200,
    "processes that died": 300,
    "steps overtaken by others": 100,
    "machines made and the answer lost": 30,
    "machines that were never there": 30,
    "machines broken down": 80,
    "agents turned away": 10,
    "jobs submitted again": 20,
    "unauthorised answers": 50,
    "reclaims": 2,
    "reclaims refused": 20,
    "leases fenced": 20,
    "leases renewed": 5,
    "outages": 50,
    "offers tolled": 30,
    "jobs amended": 50,
    "offers that supersede another": 20,
    "withdrawals for a newer version": 10,
    "releases that other terms ended": 10,
    "new offers after a late yes": 10,
    "bills": 1000,
    "acceptances beforehand that were taken": 8,
    "waivers granted": 100,
    "waivers revoked": 10,
    "consents": 50,
    "consents revoked": 0.3,
    "attestations": 15,
    "acceptances beforehand": 100,
    "acceptances beforehand revoked": 1,
    "conflicts": 50,
    "conflicts lifted": 5,
    "stakes": 20,
    "records refused": 100,
    "probes": 100,
    "absences": 8,
    "recoveries": 5,
    "suspensions": 3,
    "jobs held for a conflict": 0.5,
    "offers that a quote woke": 400,
    "quotes taken back": 100,
    "quotes taken back because their place refused": 100,
    "withdrawals for a quote": 25,
    "releases that the end of a quote ended": 80,
    "notices put to a webhook in vain": 30,
    "notices that could not be sent": 3,
    "notices that a slow webhook took": 5,
    "notices whose answer was lost": 6,
    "links followed": 10,
    "links turned away": 8,
    "answers by link": 6,
    "editions recorded": 25,
    "late editions recorded": 25,
    "editions with a flaw": 60,
    "discrepancies": 0.3,
    "withdrawals for a later edition": 3,
}
"""How often each is reached at least in a thousand histories."""


def reached(verdict: Verdict) -> Counter[str]:
    """What one history has reached."""
    found: Counter[str] = Counter()
    gangs: set[str] = set()
    for fact in verdict.facts:
        found.update(_named(fact, gangs))
    found.update(_shares(verdict.facts))
    for name, deed in _DEEDS.items():
        found[name] += verdict.happened[deed]
    return found


def too_rare(found: Mapping[str, int], histories: int) -> Iterable[str]:
    """A sentence for each path that was reached too rarely for so many histories."""
    for name, least in LEAST.items():
        wanted = int(least * histories / 1000)
        if found.get(name, 0) < wanted:
            yield f"{name}: {found.get(name, 0)}, and at least {wanted} were wanted."


def _named(fact: Fact, gangs: set[str]) -> Iterator[str]:
    data = fact.data
    if fact.type == "JobSubmitted" and data["gang"]:
        gangs.add(data["job"])
    if fact.type == "NoticeSent" and data["channels"][0] == "webhook":
        yield "notices put to a webhook in vain"
    if fact.type == "QuoteWithdrawn" and data["why"] == REFUSED:
        yield "quotes taken back because their place refused"
    if fact.type == "OfferIssued":
        yield from _issued(data, gangs)
    if fact.type in _KINDS:
        yield _KINDS[fact.type](data)
    if fact.type in _FACTS:
        yield _FACTS[fact.type]


def _issued(data: Mapping[str, Any], gangs: set[str]) -> Iterator[str]:
    if data["quote"] is not None:
        yield "offers that a quote woke"
    if data["edition"] == "second":
        yield "offers under the second edition"
    if data["supersedes"] is not None:
        yield "offers that supersede another"
    if data["job"] in gangs:
        yield "offers to a gang"


def _shares(facts: Iterable[Fact]) -> Iterator[str]:
    """Acceptances by whether they took all that was offered."""
    offered = {f.data["offer"]: len(f.data["units"]) for f in facts if f.type == "OfferIssued"}
    for fact in facts:
        if fact.type == "OfferAccepted":
            if fact.data.get("standing"):
                yield "acceptances beforehand that were taken"
            whole = len(fact.data["units"]) == offered[fact.data["offer"]]
            yield "acceptances of all" if whole else "acceptances of part"


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "OfferIssued": lambda told: "orders" if told["kind"] == "order" else "offers under a right",
    "OfferDelivered": lambda told: (
        "receipts deemed" if told["how"] == "deemed" else f"receipts by {told['how']}"
    ),
    "AnswerReceived": lambda told: {"query": "queries"}.get(told["kind"], f"{told['kind']}s"),
    "AnswerRejected": lambda told: f"{told['why']} answers",
    "OfferWithdrawn": lambda told: f"withdrawals for a {_WITHDRAWN.get(told['why'], told['why'])}",
    "UnitsReleased": lambda told: f"releases on {told['basis']}",
    "ReleaseExpired": lambda told: _EXPIRED[told["why"]],
    "ThirdPartyCommitted": lambda told: f"third-party commitments on {told['basis']}",
    "LeaseEnded": lambda told: f"leases {told['cause']}",
}
_WITHDRAWN: Final[Mapping[str, str]] = {
    "cancelled": "cancelled job",
    "superseded": "newer version",
    "quote withdrawn": "quote",
    "amended": "later edition",
}
_EXPIRED: Final[Mapping[str, str]] = {
    "stale": "releases that went stale",
    "tail": "releases whose tail ended",
    "terms": "releases that other terms ended",
    "late": "new offers after a late yes",
    "quote": "releases that the end of a quote ended",
}
_FACTS: Final = {
    "OfferRefused": "refusals",
    "OfferLapsed": "lapses",
    "HolderDefaulted": "defaults",
    "HolderCommitted": "holder commitments",
    "CommitmentFailed": "commitments that failed",
    "PlaceRefused": "refused places",
    "PlaceTroubled": "troubles of ours",
    "CoolDownCleared": "cool-downs cleared",
    "LeaseActivated": "leases",
    "JobFinished": "jobs finished",
    "JobFailed": "jobs failed",
    "JobCancelled": "jobs cancelled",
    "JobUnmet": "jobs unmet",
    "ReclaimAsked": "reclaims",
    "ReclaimRefused": "reclaims refused",
    "LeaseFenced": "leases fenced",
    "LeaseRenewed": "leases renewed",
    "BrokerUp": "outages",
    "OfferTolled": "offers tolled",
    "JobAmended": "jobs amended",
    "LeaseBilled": "bills",
    "WaiverGranted": "waivers granted",
    "WaiverRevoked": "waivers revoked",
    "ConsentRecorded": "consents",
    "ConsentRevoked": "consents revoked",
    "ConditionAttested": "attestations",
    "StandingAcceptanceGiven": "acceptances beforehand",
    "StandingAcceptanceRevoked": "acceptances beforehand revoked",
    "ConflictRecorded": "conflicts",
    "ConflictLifted": "conflicts lifted",
    "StakeRecorded": "stakes",
    "RecordRefused": "records refused",
    "HolderProbed": "probes",
    "HolderUnavailable": "absences",
    "HolderRecovered": "recoveries",
    "RightSuspended": "suspensions",
    "JobHeld": "jobs held for a conflict",
    "QuoteWithdrawn": "quotes taken back",
    "NoticeTroubled": "notices that could not be sent",
    "DiscrepancyFound": "discrepancies",
}
_DEEDS: Final = {
    "answers at the brink of a window": "brink",
    "processes that died": "deaths",
    "steps overtaken by others": "overtaken",
    "machines made and the answer lost": "makes the machine and loses the answer",
    "machines that were never there": "says that a machine runs which is not there",
    "machines broken down": "broken",
    "agents turned away": "agents turned away",
    "jobs submitted again": "submitted again",
    "notices that a slow webhook took": f"webhook {Answers.SLOW.value}",
    "notices whose answer was lost": f"webhook {Answers.LOST.value}",
    "links followed": "links followed",
    "links turned away": "links turned away",
    "answers by link": "answers by link",
    "editions recorded": "editions",
    "late editions recorded": "late editions",
    "editions with a flaw": "editions with a flaw",
}
