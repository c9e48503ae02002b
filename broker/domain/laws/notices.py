"""The laws of notices: what the holder is sent is what its clause allows, to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from broker.domain.chain import Fact, canonical_plain
from broker.domain.laws.book import Book, Job
from broker.domain.laws.editions import Edition, mechanic
from broker.domain.laws.law import Breach, Law

_ENDS: Final = frozenset({"OfferAccepted", "OfferRefused", "OfferLapsed", "OfferWithdrawn"})


class NoticeAsSent(Law):
    number = "I10"
    text = "Every notice has all fields the edition requires and its hash is that of its bytes."
    guards = "notice.contents"
    sees = _ENDS | {"OfferIssued", "NoticeWritten", "NoticeSent"}

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}
        """What each open offer to a person's desk says, until a notice has it."""
        self._lists: dict[tuple[str, str, str], frozenset[str]] = {}
        """The allow-list of each clause met so far."""
        self._bodies: dict[str, str] = {}
        """The hash of the notice that each open offer lies in."""

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        match fact.type:
            case "OfferIssued":
                yield from self._issued(fact, book)
            case "NoticeWritten":
                yield from self._written(fact)
            case "NoticeSent":
                sent, known = fact.data.get("sha256"), self._bodies.get(fact.data["offer"])
                if sent and sent != known:
                    yield self.breach("the bytes sent are not those of the notice", fact.position)
            case _:
                self._entries.pop(fact.data["offer"], None)
                self._bodies.pop(fact.data["offer"], None)

    def _issued(self, fact: Fact, book: Book) -> Iterator[Breach]:
        edition, job = book.edition_of(fact), book.job_of(fact)
        if edition is None or job is None:
            return  # I13 and I1 say so
        everything = _everything(fact, job)
        clause = (edition.agreement, edition.name, fact.data["clause"])
        required = self._lists.get(clause)
        if required is None:
            required = self._lists[clause] = _allowed(edition, fact.data["clause"])
        if strange := sorted(required - everything.keys()):
            yield self.breach(f"the notice lacks {', '.join(strange)}", fact.position)
        entry = canonical_plain({name: everything[name] for name in required & everything.keys()})
        if sha256(entry.encode()).hexdigest() != fact.data["notice_sha256"]:
            yield self.breach("the hash is not that of what the notice says", fact.position)
        if fact.data.get("desk") == "person":
            self._entries[fact.data["offer"]] = entry

    def _written(self, fact: Fact) -> Iterator[Breach]:
        said, hash_ = fact.data["offers"], fact.data["sha256"]
        entries = [self._entries.pop(offer, None) for offer in said]
        if None in entries:
            yield self.breach("the notice holds an offer that is not open", fact.position)
            return
        body = f'{{"notice":{canonical_plain(fact.data["notice"])},"offers":[{",".join(entries)}]}}'  # type: ignore[arg-type]
        if sha256(body.encode()).hexdigest() != hash_:
            yield self.breach("the hash is not that of the notice's entries", fact.position)
        self._bodies.update(dict.fromkeys(said, hash_))


class NothingBesides(Law):
    number = "I24"
    text = "Nothing that is sent to a holder has a field outside the allow-list."
    guards = "notice.contents, notice.withhold"
    sees = frozenset({"NoticeWritten", "AnswerReceived"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        fields = fact.data.get("fields")
        if not fields:
            return
        if fact.type == "NoticeWritten":
            edition, clause = book.edition_of(fact), fact.data["clause"]
        else:
            offer = book.offer_of(fact)
            if offer is None:
                return  # I11 says so
            edition, clause = book.editions.get((offer.agreement, offer.edition)), offer.clause
        if edition is None:
            return  # I13 says so
        if strange := sorted(set(fields) - _allowed(edition, clause)):
            yield self.breach(f"the holder is told {', '.join(strange)}", fact.position)


def _allowed(edition: Edition, clause: str | None) -> frozenset[str]:
    """The allow-list of a clause; where it is no right, of the edition's first right."""
    named = edition.clauses.get(clause or "", {})
    rights = (c for c in (named, *edition.clauses.values()) if c.get("rofr"))
    right: Mapping[str, Any] = next(rights, {})
    contents = frozenset(_names(mechanic(right, "notice", "contents")))
    return contents - frozenset(_names(mechanic(right, "notice", "withhold")))


def _names(listed: object) -> list[str]:
    return [str(name) for name in listed] if isinstance(listed, list | tuple) else []


def _everything(fact: Fact, job: Job) -> dict[str, Any]:
    """All that a notice could be allowed to say, as the log has it."""
    data, terms = fact.data, fact.data["terms"]
    return {
        "offer_id": data["offer"],
        "version": data["version"],
        "edition": data["edition"],
        "clause": data["clause"],
        "class": job.work_class,
        "units": len(data["units"]),
        "shape": {"gpus_per_unit": terms["gpus_per_unit"], "chunk": job.chunk},
        "accelerators": terms["accelerators"],
        "regions": terms["regions"],
        "start_by": terms["start_by"],
        "duration": terms["duration_s"],
        "price_ceiling": terms["price_usd_hour"],
        "gang": job.gang > 0,
        "interruptible": terms["interruptible"],
        "issued_at": fact.at,
        "window": data["window_s"],
        "reply_to": f"/v1/offers/{data['offer']}/answer",
    }
