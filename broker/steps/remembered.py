"""What is remembered of places, as a market looks it up: nothing is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from typing_extensions import override

from broker.domain.market import Place, allowance
from broker.domain.places import PlaceRecord
from broker.domain.values import ProviderName

Value = TypeVar("Value")


class Room(Mapping[Place, int]):
    """How many more machines each place may be asked for; worked out for those that are looked at.

    Machines of one's own are not asked for slowly: they are not named.
    """

    def __init__(self, records: Mapping[Place, PlaceRecord], asked: Mapping[Place, int]) -> None:
        self._records, self._asked = records, asked

    @override
    def __getitem__(self, place: Place) -> int:
        if place.provider is ProviderName.OWN:
            raise KeyError(place)
        record = self._records.get(place)
        return allowance(record.streak if record else 0) - self._asked.get(place, 0)

    @override
    def __iter__(self) -> Iterator[Place]:
        return iter(self._records)

    @override
    def __len__(self) -> int:
        return len(self._records)


class Known(Mapping[Place, Value]):
    """One thing that is remembered of places; looked up where it is looked at, never copied."""

    def __init__(
        self, records: Mapping[Place, PlaceRecord], of: Callable[[PlaceRecord], Value | None]
    ) -> None:
        self._records, self._of = records, of

    @override
    def __getitem__(self, place: Place) -> Value:
        known = self._of(self._records[place])
        if known is None:
            raise KeyError(place)
        return known

    @override
    def get(self, place: Place, default: Any = None) -> Any:
        record = self._records.get(place)
        known = None if record is None else self._of(record)
        return default if known is None else known

    @override
    def __iter__(self) -> Iterator[Place]:
        return (place for place, record in self._records.items() if self._of(record) is not None)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)
