"""Whose hold is whose: no capacity stands behind two live acceptances (agreement 3.5, 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from broker.domain.chain import Fact

SEEN: Final = frozenset({"OfferAccepted", "HolderCommitted", "CommitmentFailed", "LeaseEnded"})


@dataclass(slots=True)
class _Bound:
    offer: str
    position: int
    owed: dict[str, set[int]] = field(default_factory=dict)
    """Commitments under the hold to their units that are not over."""


class Holds:
    """The holds behind live acceptances, as a log tells of them."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, str], _Bound] = {}
        self._under: dict[str, list[tuple[str, str]]] = {}
        """Commitment to its holds."""

    def see(self, fact: Fact) -> Iterator[tuple[str, tuple[int, ...]]]:
        """What is wrong with a fact, and the positions that show it."""
        match fact.type:
            case "OfferAccepted":
                names = [hold["hold"] for hold in fact.data["holds"]]
                for name in sorted({name for name in names if names.count(name) > 1}):
                    yield f"hold {name} is named twice in one acceptance", (fact.position,)
            case "HolderCommitted" if fact.data["offer"] is not None:
                yield from self._bind(fact)
            case "CommitmentFailed":
                self._let_go(fact.data["commitment"], None)
            case "LeaseEnded":
                self._let_go(fact.data["commitment"], fact.data["unit"])
            case _:
                pass

    def _bind(self, fact: Fact) -> Iterator[tuple[str, tuple[int, ...]]]:
        offer, commitment = fact.data["offer"], fact.data["commitment"]
        for name in fact.data.get("holds", ()):
            key = (fact.data["provider"], name)
            bound = self._bound.setdefault(key, _Bound(offer, fact.position))
            if bound.offer != offer:
                yield (
                    f"hold {name} stands behind {bound.offer} already, and now behind {offer}",
                    (bound.position, fact.position),
                )
            else:
                bound.owed[commitment] = set(fact.data["units"])
                self._under.setdefault(commitment, []).append(key)

    def _let_go(self, commitment: str, unit: int | None) -> None:
        keys = self._under.get(commitment, ())
        over = True
        for key in keys:
            left = self._bound[key].owed[commitment]
            left.discard(unit) if unit is not None else left.clear()
            over = not left
            if over:
                del self._bound[key].owed[commitment]
            if not self._bound[key].owed:
                del self._bound[key]
        if keys and over:
            del self._under[commitment]
