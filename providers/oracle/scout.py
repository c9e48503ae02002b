"""What Oracle says of its places: its domains' shapes, our limits, and its capacity reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.domain.advice import Thought
from broker.domain.market import Advice, Place
from broker.domain.values import ProviderName
from broker.ports import Scout
from providers.findings import Findings
from providers.oracle.answers import BROKEN
from providers.oracle.client import Client, Thing, client, domains_in, domains_of

_A_REPORT: Final = 10
"""Shapes in one capacity report; more are turned down (dstack found it by experiment)."""
_ROOM: Final = "AVAILABLE"
_NEVER: Final = "HARDWARE_NOT_SUPPORTED"


def scout(account: Mapping[str, str]) -> Scout:
    """The scout for an account, whose fields are those of `build`."""
    return OracleScout(client=client(account), domains=domains_of(account))


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleScout:
    client: Client
    domains: tuple[tuple[str, str], ...]

    @property
    def name(self) -> ProviderName:
        return ProviderName.ORACLE

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        found, shapes = Findings(BROKEN), dict[str, Thing]()
        found.look(lambda: self._shapes(places, shapes))
        if sold := found.places():
            found.look(lambda: self._limits(sold, shapes))
            found.look(lambda: self._reports(sold))
        return found.all()

    def _shapes(self, places: Sequence[Place], shapes: dict[str, Thing]) -> Iterator[Advice]:
        region = places[0].region
        for domain in domains_in(self.domains, region):
            shapes |= {shape.shape: shape for shape in self.client.shapes(region, domain)}
        for place in places:
            sold = place.sku in shapes
            yield Advice(
                place=place,
                thought=Thought.SOLD if sold else Thought.NOT_SOLD,
                because=f"shapes: {'listed' if sold else 'not listed'} in {region}",
            )

    def _limits(self, places: Sequence[Place], shapes: Mapping[str, Thing]) -> Iterator[Advice]:
        """What our limits leave in any of the domains. One without a number says nothing."""
        for place in places:
            for limit in shapes[place.sku].quota_names or ():
                left = [
                    self.client.left(place.region, limit, domain)
                    for domain in domains_in(self.domains, place.region)
                ]
                if any(one is None for one in left):
                    continue
                room = sum(one for one in left if one is not None)
                yield Advice(
                    place=place,
                    thought=Thought.SOLD if room else Thought.OVER_QUOTA,
                    because="" if room else f"limits: {limit} leaves nothing",
                )

    def _reports(self, places: Sequence[Place]) -> Iterator[Advice]:
        region, told = places[0].region, dict[str, list[Thing]]()
        skus = sorted({place.sku for place in places})
        for domain in domains_in(self.domains, region):
            for first in range(0, len(skus), _A_REPORT):
                some = skus[first : first + _A_REPORT]
                for line in self.client.capacity(region, domain, some):
                    told.setdefault(line.instance_shape, []).append(line)
        for place in places:
            if lines := told.get(place.sku):
                yield _reported(place, lines)


def _reported(place: Place, lines: Sequence[Thing]) -> Advice:
    """What the domains say together: room in one is room, and it takes all of them to be short."""
    room = [line for line in lines if line.availability_status == _ROOM]
    counts = [line.available_count for line in room]
    words = ", ".join(sorted({str(line.availability_status) for line in lines}))
    never = all(line.availability_status == _NEVER for line in lines)
    return Advice(
        place=place,
        thought=Thought.LIKELY if room else Thought.NOT_SOLD if never else Thought.SHORT,
        units=None if None in counts else sum(counts) if room else 0,
        because=f"capacity report: {words}",
    )
