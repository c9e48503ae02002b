"""The lines in memory: who stands in each, first by rank, at a cost that does not grow with it."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from broker.domain.line import Rank
from broker.domain.values import JobId


class Lines:
    """The jobs of each line; a heap for each, with entries that a later note makes void."""

    def __init__(self) -> None:
        self._standing: dict[str, dict[JobId, Rank]] = {}
        self._heaps: dict[str, list[Rank]] = {}

    def note(self, line: str, job: JobId, rank: Rank | None) -> None:
        """Set where a job stands in its line; None: it does not stand in it."""
        standing = self._standing.get(line)
        if rank is None:
            if standing is not None and standing.pop(job, None) is not None and not standing:
                del self._standing[line], self._heaps[line]
            return
        if standing is None:
            standing, self._heaps[line] = self._standing.setdefault(line, {}), []
        if standing.get(job) != rank:
            standing[job] = rank
            self._enter(line, rank)

    def _enter(self, line: str, rank: Rank) -> None:
        heap, standing = self._heaps[line], self._standing[line]
        if len(heap) > 2 * len(standing) + 8:  # most of it is void
            heap[:] = standing.values()
            heapify(heap)
        else:
            heappush(heap, rank)

    def first(self, line: str, number: int = 1) -> list[Rank]:
        """The first so many of a line."""
        heap, standing = self._heaps.get(line, []), self._standing.get(line, {})
        found: list[Rank] = []
        while heap and len(found) < number:
            rank = heappop(heap)
            if standing.get(rank[2]) == rank and rank not in found:
                found.append(rank)
        for rank in found:
            heappush(heap, rank)
        return found

    def everybody(self) -> list[JobId]:
        return [job for standing in self._standing.values() for job in standing]
