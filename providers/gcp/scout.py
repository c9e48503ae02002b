"""What Google says of its places: its zones' machine types, our quotas, and its own advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.cloud import compute_v1 as compute

from broker.domain.advice import Thought
from broker.domain.market import Advice, Place
from broker.domain.values import ProviderName
from broker.ports import Scout
from providers.findings import Findings
from providers.gcp.answers import BROKEN
from providers.gcp.asking import Asking
from providers.gcp.client import zones_in

_OBTAINABLE: Final = 0.3
"""Of 1.0; below, Google does not think much of a request."""


def scout(account: Mapping[str, str]) -> Scout:
    """The scout for an account, whose fields are those of `build`."""
    return GoogleScout(
        asking=Asking.of(account),
        zones=tuple(account.get("zones", "").split()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleScout:
    asking: Asking
    zones: tuple[str, ...]

    @property
    def name(self) -> ProviderName:
        return ProviderName.GCP

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        found, kinds = Findings(BROKEN), dict[str, compute.MachineType]()
        found.look(lambda: self._types(places, kinds))
        sold = found.places()
        if sold:
            found.look(lambda: self._quotas(sold, kinds))
        for place in sold:
            found.look(lambda place=place: self._obtainable(place))  # type: ignore[misc]
        return found.all()

    def _types(
        self, places: Sequence[Place], kinds: dict[str, compute.MachineType]
    ) -> Iterator[Advice]:
        skus, where = sorted({place.sku for place in places}), dict[str, list[str]]()
        for zone in zones_in(self.zones, places[0].region):
            for kind in self.asking.machine_types(zone, skus):
                kinds[kind.name] = kind
                where.setdefault(kind.name, []).append(zone)
        for place in places:
            zones = where.get(place.sku, [])
            yield Advice(
                place=place,
                thought=Thought.SOLD if zones else Thought.NOT_SOLD,
                because=f"machine types: {', '.join(zones) or 'in none of our zones'}",
            )

    def _quotas(
        self, places: Sequence[Place], kinds: Mapping[str, compute.MachineType]
    ) -> Iterator[Advice]:
        """The newest accelerators are not among a region's quotas; of those nothing is known."""
        quotas = {
            quota.metric: quota.limit - quota.usage
            for quota in self.asking.region(places[0].region).quotas
        }
        for place in places:
            kind = kinds[place.sku]
            for name, needed in _counted(kind):
                metric = f"PREEMPTIBLE_{name}" if place.interruptible else name
                if metric not in quotas:
                    continue
                room = int(max(quotas[metric], 0) // needed)
                told = f"quota {metric}: {quotas[metric]:g} left, and one needs {needed}"
                yield Advice(
                    place=place,
                    thought=Thought.SOLD if room else Thought.OVER_QUOTA,
                    units=room,
                    because="" if room else told,
                )

    def _obtainable(self, place: Place) -> Iterator[Advice]:
        said = self.asking.capacity(place, zones_in(self.zones, place.region))
        scores = [one.scores.obtainability for one in said.recommendations]
        if scores:
            best = max(scores)
            yield Advice(
                place=place,
                thought=Thought.LIKELY if best >= _OBTAINABLE else Thought.SHORT,
                because=f"capacity advice: obtainability {best:.2f}",
            )


def _counted(kind: compute.MachineType) -> Iterator[tuple[str, int]]:
    """The quotas that a machine counts against, and by how much: `nvidia-tesla-t4` is T4."""
    for card in kind.accelerators:
        name = card.guest_accelerator_type.removeprefix("nvidia-").removeprefix("tesla-")
        if card.guest_accelerator_count:
            yield f"NVIDIA_{name.upper().replace('-', '_')}_GPUS", card.guest_accelerator_count
