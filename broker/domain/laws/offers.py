"""The laws of offers: one unit in one offer, one end, a receipt, a whole window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.authority import unauthorised
from broker.domain.laws.book import Book, Offer, UnitState
from broker.domain.laws.editions import duration, mechanic
from broker.domain.laws.law import Breach, Law
from broker.domain.laws.units import JOB_ENDS
from broker.domain.values import instant

DECISIONS: Final = frozenset({"OfferAccepted", "OfferRefused", "OfferLapsed"})
ANSWERS: Final = frozenset({"OfferAccepted", "OfferRefused"})
SLIP: Final = timedelta(milliseconds=1)
_SHOWS_AFTER: Final = timedelta(seconds=5)
"""A part of the broker that was silent for longer is away."""
_LAPSES_KEPT: Final = 1000


class OneOffer(Law):
    number = "I4"
    text = "A unit is inside at most one offer that is sent or open."
    guards = "agreement 3.5 (4)"
    sees = frozenset({"OfferIssued"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        for unit in book.units_of(fact):
            if unit.state is UnitState.OFFERED and unit.offer:
                yield self.breach(
                    f"unit {unit.index} is offered again while inside an offer",
                    unit.offer.position,
                    fact.position,
                )
                return


class OneEnd(Law):
    number = "I6"
    text = "Each offer is exactly one of accepted, refused, lapsed, withdrawn."
    guards = "agreement 3.5, offer states"
    sees = DECISIONS | JOB_ENDS | {"OfferWithdrawn", "OfferIssued"}

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type in JOB_ENDS:
            job = book.job_of(fact)
            for offer in job.offers.values() if job else ():
                if offer.end is None:
                    yield self.breach(
                        f"{fact.type} while an offer is neither answered nor withdrawn",
                        offer.position,
                        fact.position,
                    )
            return
        known = book.offer_of(fact)
        if fact.type == "OfferIssued":
            if known:
                yield self.breach("an offer is issued twice", known.position, fact.position)
        elif known and known.end:
            yield self.breach(
                f"{fact.type} after the offer ended by {known.end}", known.position, fact.position
            )


class InTime(Law):
    number = "I7"
    text = (
        "An answer is honoured if and only if it came before receipt, window and toll were over, "
        "and by a key that was good where one was needed."
    )
    guards = "window; agreement 3.5 (13) and T7"
    sees = ANSWERS | {"OfferDelivered", "AnswerReceived", "AnswerRejected", "OfferTolled"}

    def __init__(self) -> None:
        self._unkeyed: dict[str, str] = {}
        """What is wrong with an answer, until it shows whether it was given beforehand."""

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        offer = book.offer_of(fact)
        if offer is None or offer.end:
            return
        flaw = self._unkeyed.pop(offer.id, None) if fact.type in ANSWERS else None
        if flaw and fact.data.get("standing") is None:
            yield self._wrong(flaw, offer, fact)
        if fact.type == "OfferDelivered":
            if abs(instant(fact.data["expires_at"]) - (book.now + offer.window)) > SLIP:
                wrong = "the recorded end of the window is not receipt plus window"
                yield self._wrong(wrong, offer, fact)
        elif fact.type == "AnswerReceived":
            if (flaw := unauthorised(fact, offer, book)) and fact.data["kind"] == "query":
                yield self._wrong(flaw, offer, fact)
            elif flaw:
                self._unkeyed[offer.id] = flaw
        else:
            yield from self._timed(fact, offer, book)

    def _timed(self, fact: Fact, offer: Offer, book: Book) -> Iterator[Breach]:
        ends = book.window_end(offer)
        if fact.type == "OfferTolled":
            told = fact.data["expires_at"]
            if told is None or ends is None or abs(instant(told) - ends) > SLIP:
                yield self._wrong("the window is not put off by what we were away", offer, fact)
            return
        in_time = ends is None or book.now < ends
        if fact.type == "AnswerRejected":
            if in_time and fact.data["why"] == "late":
                yield self._wrong("an answer in time is rejected as late", offer, fact)
        elif not in_time:
            yield self._wrong("a late answer is honoured", offer, fact)

    def _wrong(self, sentence: str, offer: Offer, fact: Fact) -> Breach:
        return self.breach(sentence, offer.position, fact.position)


class Received(Law):
    number = "I11"
    text = "No offer is decided or lapses without a recorded receipt, or one duly deemed."
    guards = "notice.deemed_receipt"
    sees = DECISIONS | {"OfferDelivered", "NoticeSent", "OfferWithdrawn"}

    def __init__(self) -> None:
        self._attempts: dict[str, tuple[int, int]] = {}
        """How often each open offer was put to the desk, and on how many channels."""

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        name, offer = fact.data["offer"], book.offer_of(fact)
        if fact.type == "NoticeSent":
            count, channels = self._attempts.get(name, (0, 0))
            self._attempts[name] = count + 1, max(channels, len(set(fact.data["channels"])))
        elif fact.type == "OfferDelivered":
            if offer and fact.data["how"] == "deemed":
                yield from self._deemed(fact, offer, book)
        elif fact.type == "OfferWithdrawn":
            self._attempts.pop(name, None)
        else:
            self._attempts.pop(name, None)
            yield from self._decided(fact, offer)

    def _deemed(self, fact: Fact, offer: Offer, book: Book) -> Iterator[Breach]:
        edition = book.editions.get((offer.agreement, offer.edition))
        clause = edition.clauses.get(offer.clause or "") if edition else None
        rule = mechanic(clause, "notice", "deemed_receipt") if clause else None
        if not isinstance(rule, Mapping):
            return
        attempts, channels = self._attempts.get(offer.id, (0, 0))
        after = duration(rule.get("after")) or timedelta()
        if (
            attempts < rule.get("attempts", 0)
            or channels < rule.get("channels", 0)
            or book.now < offer.issued_at + after - SLIP
        ):
            yield self.breach(
                f"receipt is deemed after {attempts} attempts on {channels} channels",
                offer.position,
                fact.position,
            )

    def _decided(self, fact: Fact, offer: Offer | None) -> Iterator[Breach]:
        if offer is None:
            yield self.breach(f"{fact.type} of an offer that was never issued", fact.position)
        elif offer.delivered_at is None:
            yield self.breach(f"{fact.type} without a receipt", offer.position, fact.position)


class WholeWindow(Law):
    number = "I12"
    text = (
        "No window is shorter than its clause's, and no offer lapses before it and every "
        "overlapping outage of ours are over."
    )
    guards = "window; window.toll_on_broker_outage"
    sees = frozenset({"OfferIssued", "OfferLapsed", "BrokerUp"})

    def __init__(self) -> None:
        self._lapsed: deque[tuple[datetime, Offer, int]] = deque(maxlen=_LAPSES_KEPT)

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type == "BrokerUp":
            yield from self._away(instant(fact.data["from"]), fact)
            return
        offer = book.offer_of(fact)
        if fact.type == "OfferIssued":
            least = _least_window(fact, book)
            if least is not None and timedelta(seconds=fact.data["window_s"]) < least:
                yield self.breach(
                    f"the window is shorter than its clause's {least.total_seconds():.0f} s",
                    fact.position,
                )
            return
        if offer and not offer.end and offer.tolled:
            self._lapsed.append((book.now, offer, fact.position))
        ends = book.window_end(offer) if offer and not offer.end else None
        if offer and ends and book.now < ends - SLIP:
            yield self.breach(
                f"the offer lapses {(ends - book.now).total_seconds():.3f} s early",
                offer.position,
                fact.position,
            )

    def _away(self, since: datetime, fact: Fact) -> Iterator[Breach]:
        """An outage is told when it is over; nothing may have lapsed once it had shown."""
        for at, offer, position in self._lapsed:
            if at > since + _SHOWS_AFTER:
                yield self.breach(
                    "the offer lapses while a part of the broker is away",
                    offer.position,
                    position,
                    fact.position,
                )


def _least_window(fact: Fact, book: Book) -> timedelta | None:
    """What the clause gives the holder for this class; a notice that follows another, its floor."""
    edition, job = book.edition_of(fact), book.job_of(fact)
    clause = edition.clauses.get(fact.data["clause"] or "") if edition else None
    window = ((clause or {}).get("rofr") or {}).get("window") or {}
    floor = duration(window.get("minimum"))
    if job is None or fact.data.get("supersedes") is not None:
        return floor
    usual = duration((window.get("by_class") or {}).get(job.work_class, window.get("default")))
    return max(filter(None, (floor, usual)), default=None)


def _time_to_deliver(offer: Offer, book: Book) -> datetime | None:
    """When the holder is in default: as was recorded, and never before its clause says so.

    Outages of ours are allowed for.
    """
    edition = book.editions.get((offer.agreement, offer.edition))
    clause = edition.clauses.get(offer.clause or "", {}) if edition else {}
    spans = [duration(mechanic(clause, "provision", name)) for name in ("deadline", "cure")]
    ends = [offer.cure_until] if offer.cure_until else []
    if offer.accepted_at is not None and all(spans):
        ends.append(offer.accepted_at + sum(filter(None, spans), timedelta()))
    due = max(ends, default=None)
    if due is None or offer.accepted_at is None or not offer.tolled:
        return due
    return book.tolled(offer.accepted_at, due)


class DefaultOnce(Law):
    number = "I19"
    text = "Units in default, cure over, are released once and not offered again on the same terms."
    guards = "on_default"
    sees = frozenset({"OfferIssued", "UnitsReleased", "HolderDefaulted"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type == "HolderDefaulted":
            offer = book.offer_of(fact)
            due = _time_to_deliver(offer, book) if offer else None
            if offer and due and book.now < due - SLIP:
                yield self.breach(
                    "the holder is in default before its time to deliver and to cure is over",
                    offer.position,
                    fact.position,
                )
            return
        for unit in book.units_of(fact):
            if unit.barred is None or unit.offer is None:
                continue
            anew = fact.type == "UnitsReleased" and unit.state is not UnitState.LEFT
            if anew and (fact.data["basis"] == "default" or fact.data["ceiling"] == unit.barred):
                yield self.breach(
                    f"unit {unit.index}, defaulted, is released a second time",
                    unit.offer.position,
                    fact.position,
                )
                return
            if fact.type == "OfferIssued" and fact.data["terms"] == unit.barred:
                yield self.breach(
                    f"unit {unit.index}, defaulted, is offered again on the same terms",
                    unit.offer.position,
                    fact.position,
                )
                return


class WithdrawnReleasesNothing(Law):
    number = "I20"
    text = "A withdrawn offer releases nothing and no commitment cites it."
    guards = "agreement 3.5 (5)"
    sees = frozenset({"UnitsReleased", "ThirdPartyCommitted"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        cited = {fact.data.get("offer"), *fact.data["cites"]}
        for offer in filter(None, map(book.offers.get, filter(None, cited))):
            if offer.end == "OfferWithdrawn":
                yield self.breach(
                    f"{fact.type} stands on a withdrawn offer", offer.position, fact.position
                )
