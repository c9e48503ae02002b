"""When work is due: the first of each kind, as the database says it or as it was just written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from broker.domain.values import ProviderName
from broker.ports import Upcoming
from broker.store.rows import Values, instant_of

JOBS_DUE: Final = "jobs"
OFFERS_DUE: Final = "offers"
NOTICES_DUE: Final = "notices"
"""The kinds of work; machines are due by the name of their provider."""


def upcoming(first: Mapping[str, int]) -> Upcoming:
    dues = {kind: instant_of(at) for kind, at in first.items()}
    return Upcoming(
        jobs=dues.pop(JOBS_DUE, None),
        offers=dues.pop(OFFERS_DUE, None),
        notices=dues.pop(NOTICES_DUE, None),
        machines={ProviderName(name): at for name, at in dues.items()},
    )


class Dues:
    """What one transaction has written."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}

    def add(self, kind: str, due_at: int | None) -> None:
        if due_at is not None:
            self.first[kind] = min(due_at, self.first.get(kind, due_at))

    def add_rows(self, kind: str, rows: Iterable[Values]) -> None:
        for row in rows:
            self.add(kind, row["due_at"])

    def add_machines(self, rows: Iterable[Values]) -> None:
        for row in rows:
            self.add(row["provider"], row["due_at"])
