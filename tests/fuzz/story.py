"""A history told in plain sentences: what was done, what the broker wrote, which law it broke."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.values import instant
from tests.fuzz.history import Verdict


def story(verdict: Verdict) -> list[str]:
    """Line by line; the facts that a law was broken at bear its number."""
    marks: dict[int, set[str]] = {}
    for breach in verdict.report.breaches:
        for position in breach.positions:
            marks.setdefault(position, set()).add(breach.law)
    lines: list[str] = []
    tale = list(verdict.tale)
    for fact in verdict.facts:
        while tale and tale[0][0] < fact.position:
            _, at, what = tale.pop(0)
            lines.append(f"{at:%H:%M:%S.%f} {what}")
        if fact.type not in ("EditionRecorded", "PricesListed"):
            lines.append(_line(fact, marks.get(fact.position)))
        if marks and not verdict.surprise and fact.position >= max(marks):
            tale = []
            break
    lines += [f"{at:%H:%M:%S.%f} {what}" for _, at, what in tale]
    return [*lines, *_end(verdict)]


def _line(fact: Fact, broken: set[str] | None) -> str:
    mark = f"  <-- {', '.join(sorted(broken))}" if broken else ""
    said = _SAID.get(fact.type, "").format_map(_Words(fact.data)) or fact.type
    return f"{instant(fact.at):%H:%M:%S.%f}     [{fact.position}] {said}{mark}"


def _end(verdict: Verdict) -> Iterator[str]:
    for breach in verdict.report.breaches:
        where = ", ".join(map(str, breach.positions))
        yield f"Law {breach.law} is broken at {where}: {breach.sentence}."
    if verdict.good:
        yield "No law is broken."
    if verdict.surprise:
        yield f"No law, but wrong: {verdict.surprise}."
    if verdict.trace:
        yield verdict.trace


class _Words(dict[str, Any]):
    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        terms = data.get("terms") or data.get("ceiling") or {}
        self["price"] = terms.get("price_usd_hour")

    def __missing__(self, name: str) -> str:
        return f"(no {name})"


_SAID: Final[Mapping[str, str]] = {
    "JobSubmitted": "{job} is taken in: {units} units, gang of {gang}, chunks of {chunk}.",
    "OfferIssued": "{offer}: units {units} of {job} are offered to the holder under {edition} "
    "{clause}, at most {price} USD/h, window {window_s} s.",
    "NoticeWritten": "Notice {notice} holds {offers}.",
    "NoticeSent": "{offer}: attempt {attempt} to deliver the notice.",
    "NoticeTroubled": "{notice} could not be sent: {because}.",
    "OfferDelivered": "{offer} is received ({how}); its window ends at {expires_at}.",
    "PlaceRefused": "{provider} {region} {sku} refuses {units} ({reason}, {code}) as {refusal}, "
    "until {valid_until}.",
    "PlaceTroubled": "{provider} {region} {sku}: trouble of ours, {kind}, of the {scope}.",
    "PlaceAdvised": "{provider} {region} {sku} is {thought}, as far as is known: {because}.",
    "CoolDownCleared": "{by} clears what was {effect} at {provider} {region} {sku} ({why}).",
    "OrphanFound": "{provider} has {machine}, which nobody wants.",
    "OrphanEnded": "{provider} says that {machine} is gone.",
    "AnswerReceived": "{offer}: {by} answers {kind} for units {units}.",
    "AnswerRejected": "{offer}: an answer is turned down as {why}: {because}.",
    "OfferAccepted": "{offer} is accepted for units {units}, to be there by {cure_until}.",
    "OfferRefused": "{offer} is refused ({reason}), citing {cites}.",
    "OfferLapsed": "{offer} lapses: {reason}.",
    "OfferWithdrawn": "{offer} is withdrawn: {why}.",
    "OfferFulfilled": "{offer} is fulfilled.",
    "HolderDefaulted": "{offer}: the holder defaults on units {units}.",
    "UnitsReleased": "Units {units} of {job} are released on {basis} until {tail_until}, at most "
    "{price} USD/h.",
    "ReleaseExpired": "The release of units {units} of {job} expires: {why}.",
    "ThirdPartyCommitted": "{commitment}: units {units} of {job} go to {provider} {region} on "
    "{basis}, citing {cites}, at {price} USD/h.",
    "HolderCommitted": "{commitment}: units {units} of {job} go to the holder, {provider} "
    "{region}, under {offer}.",
    "CommitmentFailed": "{commitment} fails: {reason} {code}.",
    "LeaseActivated": "Unit {unit} of {job} runs with {provider}, epoch {epoch}, {commitment}.",
    "InterruptionNoticed": "{provider} will take unit {unit} of {job} back: {said}.",
    "LeaseEnded": "Unit {unit} of {job} runs no more, epoch {epoch}: {cause}.",
    "WaiverGranted": "{agreement}: {by} waives {of_clause} for {cap_units} units as {waiver}, "
    "{match}, from {from} to {to}.",
    "WaiverRevoked": "{agreement}: {by} revokes {waiver}.",
    "ConsentRecorded": "{agreement}: {by} consents to {match} going around {of_clause} "
    "as {consent}, from {from} to {to}.",
    "ConsentRevoked": "{agreement}: {by} revokes {consent}.",
    "ConditionAttested": "{agreement}: {by} attests {condition}.",
    "StandingAcceptanceGiven": "{agreement}: {by} accepts {units} units beforehand "
    "as {acceptance}, {match}, from {from} to {to}.",
    "StandingAcceptanceRevoked": "{agreement}: {by} revokes {acceptance}.",
    "ConflictRecorded": "{agreement}: {party} is in conflict with {tenant}, from {from} to {to}.",
    "ConflictLifted": "{agreement}: {conflict} is lifted.",
    "StakeRecorded": "{agreement}: {owner} has {share} of {supplier}, from {from} to {to}.",
    "RecordRefused": "{agreement}: {what} {record} by {by} is refused.",
    "RightSuspended": "{agreement}: {clause} is suspended as {suspension} "
    "until {until}, for {offers}.",
    "HolderProbed": "{agreement}: {provider} is probed from {vantage} as {probe}: {answered}.",
    "HolderUnavailable": "{agreement}: {provider} is unavailable as {unavailability}.",
    "HolderRecovered": "{agreement}: the holder is there again, {unavailability} is over.",
    "JobHeld": "{job} is held: {because}.",
    "BrokerUp": "The broker was away from {from} to {to}.",
    "OfferTolled": "{offer} is put off by {by_s} s.",
    "JobAmended": "{job} asks for other terms, at most {price} USD/h.",
    "LeaseBilled": "{lease} is billed.",
    "JobStarted": "{job} has started.",
    "JobFinished": "{job} has finished.",
    "JobFailed": "{job} has failed: {reason}.",
    "JobCancelled": "{job} is cancelled.",
    "JobUnmet": "{job} is unmet: {reason}.",
}


def told(verdict: Verdict, replay: str, actions: Sequence[object]) -> str:
    """The whole story with the command that tells it again."""
    return "\n".join(
        [
            *story(verdict),
            f"Replayed by: {replay}",
            "The history:" if verdict.good else "The shortened history:",
            *(f"  {action!r}," for action in actions),
        ]
    )
