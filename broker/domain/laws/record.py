"""The laws of the log itself: chain, versions, instants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from broker.domain.chain import GENESIS, Fact, sealed_hash
from broker.domain.laws.book import Book
from broker.domain.laws.law import Breach, Law


class Chain(Law):
    number = "I26"
    text = "Each fact's hash includes the one before it, and positions are dense from 1."
    guards = "architecture 3"

    def __init__(self) -> None:
        self._position = 0
        self._hash = GENESIS

    def see(self, fact: Fact, _: Book) -> Iterator[Breach]:
        if fact.position != self._position + 1:
            yield self.breach(
                f"position {fact.position} follows position {self._position}", fact.position
            )
        elif fact.previous != self._hash:
            yield self.breach(
                "the fact does not name the hash of the one before it",
                *(self._position, fact.position) if self._position else (fact.position,),
            )
        if fact.hash != sealed_hash(fact):
            yield self.breach("the fact's hash is not that of its contents", fact.position)
        self._position, self._hash = fact.position, fact.hash


class Versions(Law):
    number = "I27"
    text = "The versions of each stream are dense from 1 and none is there twice."
    guards = "architecture 3"

    def see(self, fact: Fact, book: Book) -> Iterable[Breach]:
        tail = book.streams.tail(fact.stream, fact.version)
        last = tail.version if tail else 0
        if fact.version == last + 1:
            return ()
        how = "is there twice" if fact.version <= last else f"follows version {last}"
        return (self.breach(f"version {fact.version} of {fact.stream} {how}", fact.position),)


class Instants(Law):
    number = "I34"
    text = "Instants never go backwards within a stream or along a citation."
    guards = "architecture 3"
    _CITING: ClassVar = frozenset({"UnitsReleased", "ThirdPartyCommitted", "OfferRefused"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        last = book.streams.tail(fact.stream, fact.version)
        if last and book.now < last.at:
            followed = (last.position,) if last.position else ()
            sentence = f"{fact.type} of {fact.stream} is dated before the fact it follows"
            yield self.breach(sentence, *followed, fact.position)
        if fact.type == "PlaceRefused":
            offer = book.offers.get(fact.data.get("offer") or "")
            if offer and book.now < offer.issued_at:
                yield self._back(fact, offer.position)
        elif fact.type in self._CITING:
            for cited in fact.data.get("cites") or ():
                refusal = book.refusals.get(cited)
                if refusal and book.now < refusal.at:
                    yield self._back(fact, refusal.position)

    def _back(self, fact: Fact, cited: int) -> Breach:
        return self.breach(f"{fact.type} is dated before a fact it cites", cited, fact.position)
