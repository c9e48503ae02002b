"""What a law is, and what a breach of one says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from broker.domain.chain import Fact
from broker.domain.laws.book import Book


class Breach(NamedTuple):
    """A law that a log breaks, and where."""

    law: str
    positions: tuple[int, ...]
    sentence: str


class Law:
    """What every law says of itself. Adding one is one class with `see`, and its name in `LAWS`."""

    number: ClassVar[str]
    text: ClassVar[str]
    guards: ClassVar[str]
    """The clause or design section that the law is there for."""
    sees: ClassVar[frozenset[str]] = frozenset()
    """The types of fact it reads; none named is all of them."""

    def breach(self, sentence: str, *positions: int) -> Breach:
        return Breach(self.number, tuple(sorted(set(positions))), sentence)


class Watching(Protocol):
    """A law at work over one log."""

    number: ClassVar[str]
    text: ClassVar[str]
    guards: ClassVar[str]
    sees: ClassVar[frozenset[str]]

    def see(self, fact: Fact, book: Book, /) -> Iterable[Breach]:
        """What the fact breaks. The book says how things stood before the fact."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A law that has something to say once the log is over, at the book's latest instant."""

    def end(self, book: Book, /) -> Iterable[Breach]: ...
