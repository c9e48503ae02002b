"""What is asked of a cloud before a machine is: advice, and where it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from broker.domain.market import Advice, Advised, Place
from broker.domain.values import ProviderName
from broker.domain.workload import Workload


class Scout(Protocol):
    """Reads what one cloud says of its places. Read-only calls, bounded in time, without retries.

    Safe to call from many threads.
    """

    @property
    def name(self) -> ProviderName: ...

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        """What is thought of these places, which are all in one region; at most one for each.

        A check that fails says nothing: a place of which nothing could be learnt is left out, and
        is asked as if there were no checks. Raises nothing for what a cloud can answer.
        """
        ...


class AdviceKept(Protocol):
    """The part of a transaction that keeps advice."""

    def advice(self) -> Mapping[Place, Advised]:
        """What was last heard of every place that was ever looked into."""
        ...

    def offered(self, limit: int) -> list[Workload]:
        """What is asked for by jobs with an undecided offer: one job of each line, not locked."""
        ...

    def put_advice(self, heard: Sequence[Advised]) -> None:
        """Keep it in place of what was heard before. What is told of it is recorded apart."""
        ...
