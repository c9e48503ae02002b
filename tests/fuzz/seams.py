"""The seams of a step: where its process may die, and where another may step in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from broker.domain.chain import Fact
from broker.domain.values import JobId
from broker.ports import LogChunk, Store, Transaction, Upcoming


class ProcessDied(Exception):
    """The process of a step has died at a seam; what it had not committed never was."""


@dataclass(slots=True)
class Seams:
    """Counts the seams that are passed; at the one it is armed for, something happens, once."""

    left: int = -1
    meanwhile: Callable[[str], object] | None = None
    """None: the process dies."""

    def arm(self, seam: int, meanwhile: Callable[[str], object] | None) -> None:
        self.left, self.meanwhile = seam, meanwhile

    def disarm(self) -> None:
        self.left = -1

    def pass_by(self, where: str, *, inside: bool = False) -> None:
        """`inside` a transaction a process may die; nobody else gets a word in."""
        if self.left < 0:
            return
        if self.left > 0:
            self.left -= 1
            return
        if inside and self.meanwhile is not None:
            return  # at the next seam
        self.left = -1
        if self.meanwhile is None:
            raise ProcessDied(where)
        self.meanwhile(where)


class SeamedStore:
    """A store whose transactions have seams before, at and after their commit."""

    def __init__(self, inner: Store, seams: Seams) -> None:
        self.inner, self.seams = inner, seams

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.seams.pass_by("before a transaction")
        with self.inner.transaction() as tx:
            yield tx
            self.seams.pass_by("before its commit", inside=True)
        self.seams.pass_by("after a commit")

    def upcoming(self) -> Upcoming:
        return self.inner.upcoming()

    def next_due(self) -> datetime | None:
        return self.inner.next_due()

    def seal(self, limit: int = 1000) -> int:
        return self.inner.seal(limit)

    def facts(self, after: int = 0, limit: int = 1000, stream: str | None = None) -> list[Fact]:
        return self.inner.facts(after, limit, stream)

    def logs(self, job: JobId, after: int = 0, limit: int = 1000) -> list[tuple[int, LogChunk]]:
        return self.inner.logs(job, after, limit)

    def close(self) -> None:
        self.inner.close()
