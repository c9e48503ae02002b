"""The facts of one job retold row by row: who was asked, and how each asking ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.explanation import Asking, Verdict
from broker.domain.told_records import Records
from broker.domain.values import instant

ENDS: Final = {
    "JobFinished": "finished",
    "JobFailed": "failed",
    "JobCancelled": "cancelled",
    "JobUnmet": "unmet",
}
THE_HOLDER: Final = "holder"
"""Its name where no fact tells which pools are the holder's."""


@dataclass(slots=True)
class Offered:
    """An offer of the job's, the row that tells of it, and whether it is decided."""

    fact: Fact
    row: int
    decided: int | None = None
    """The position of the fact that decided it."""


@dataclass(slots=True)
class Retelling:
    """What has been read so far: one row for every asking, turned as its fate is told."""

    job: str
    submitted: Fact | None = None
    end: Fact | None = None
    started: bool = False
    rows: list[Asking] = field(default_factory=list)
    offers: dict[str, Offered] = field(default_factory=dict)
    purchases: dict[str, int] = field(default_factory=dict)
    """Row of each commitment."""
    refusals: dict[str, Fact] = field(default_factory=dict)
    advice: dict[str, Fact] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    holder_wait_s: int = 0
    placed_at: str | None = None
    price_lists: dict[str, Fact] = field(default_factory=dict)
    thought: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """What was said last of each place before anybody asked it."""
    shut: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """Why cheaper places could not be asked when something was bought."""
    list_id: str = ""
    """The list that the last purchase was chosen from."""
    records: Records = field(default_factory=Records)
    held: str | None = None
    """What keeps its units from being asked for, where nothing has been asked since."""
    positions: list[int] = field(default_factory=list)

    def in_order(self) -> list[Asking]:
        """The rows by their first fact; an offer comes where it was decided, or else last."""
        undecided = self.positions[-1] + 1 if self.positions else 0
        places = {offer.row: offer.decided or undecided for offer in self.offers.values()}
        order = [(places.get(i, row.positions[0]), i) for i, row in enumerate(self.rows)]
        return [self.rows[index] for _, index in sorted(order)]

    def bought(self) -> list[Asking]:
        """The purchases, in the order in which they were made."""
        return [self.rows[row] for row in dict.fromkeys(self.purchases.values())]

    def meet_holder(self, data: Mapping[str, Any]) -> None:
        pools = data.get("parties", {}).get("holder", {}).get("pools") or []
        if pools:
            self.holders[data["agreement"]] = pools[0]

    def name_holder(self, offer: Offered, provider: str) -> None:
        if self.rows[offer.row].provider == THE_HOLDER:
            self.rows[offer.row] = replace(self.rows[offer.row], provider=provider)

    def turn(self, fact: Fact, verdict: Verdict, because: str, *, final: bool = False) -> None:
        """Note what has become of an offer."""
        offer = self.offers[fact.data["offer"]]
        row = self.rows[offer.row]
        after = seconds(row.at, fact.at) if final else row.after_s
        if final and offer.decided is None:
            offer.decided = fact.position
            if offer.fact.data.get("scope") != "renewal":  # its unit runs meanwhile
                self.holder_wait_s += after or 0
        positions = (*row.positions, fact.position)
        self.rows[offer.row] = replace(
            row, verdict=verdict, because=because, after_s=after, positions=positions
        )

    def amend(self, fact: Fact, verdict: Verdict, because: str) -> None:
        """Note what has become of a purchase."""
        place = self.purchases.get(fact.data["commitment"])
        if place is None:
            return
        row = self.rows[place]
        after = seconds(row.at, fact.at) if row.after_s is None else row.after_s
        positions = (*row.positions, fact.position)
        self.rows[place] = replace(
            row, verdict=verdict, because=because, after_s=after, positions=positions
        )


def seconds(start: str, end: str) -> int:
    """Whole seconds from one instant of the log to another."""
    return int((instant(end) - instant(start)).total_seconds())
