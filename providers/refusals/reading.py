"""How a table is read, and how a row becomes an outcome."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, TypeAlias

from broker.domain.place import Reach
from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused

Meaning: TypeAlias = RefusalReason | FaultKind

ANY: Final = "*"
"""The code of a row that goes by the text alone."""
_PACKAGE: Final = "providers.refusals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One code of a cloud, or one code with one text."""

    code: str
    when: str
    """Only where the text matches this pattern, whatever its case; empty: whatever it says."""
    means: Meaning
    spot: Meaning
    """What it means of a spot machine."""
    reach: Reach
    """What else it speaks of than the place that was asked."""
    field: str
    """What it is about, in the words of the account's settings where it is one of them."""
    remedy: str
    """What a person is to do."""
    source: str


Table: TypeAlias = tuple[Row, ...]
"""The first row that fits is the one that counts; those of a text stand before those of none."""


class MalformedTable(ValueError):
    """One sentence that names the table, the row and what is wrong there."""


def table(cloud: str) -> Table:
    """The rows of a cloud. Raises MalformedTable."""
    text = files(_PACKAGE).joinpath(f"{cloud}.csv").read_text(encoding="utf-8")
    return tuple(read_rows(f"{cloud}.csv", text.splitlines()))


def read_rows(name: str, lines: Iterable[str]) -> Iterator[Row]:
    for number, cells in enumerate(csv.DictReader(lines), start=2):
        try:
            means = _meaning(cells["means"])
            yield Row(
                code=cells["code"],
                when=re.compile(cells["when"]).pattern,
                means=means,
                spot=_meaning(cells["spot"]) if cells["spot"] else means,
                reach=Reach(cells["reach"]),
                field=cells["field"],
                remedy=cells["remedy"],
                source=cells["source"],
            )
        except (KeyError, TypeError, ValueError, re.error) as wrong:
            raise MalformedTable(f"{name}, line {number}: {wrong}") from None


def _meaning(word: str) -> Meaning:
    if word in {reason.value for reason in RefusalReason}:
        return RefusalReason(word)
    return FaultKind(word)


@dataclass(frozen=True, slots=True)
class Said:
    """What a cloud answered, and to whom."""

    code: str
    message: str = ""
    retry_after_s: float | None = None
    status: int = 0
    """The HTTP status, where it may speak for a code that nobody knows; else 0."""
    spot: bool = False
    """Whether a spot machine was asked for."""
    account: str = ""
    """Cloud and account, as a person knows them; never a secret."""


class Reader:
    """Reads answers by a table. `by_status` speaks only where no row knows the code."""

    def __init__(self, rows: Table, by_status: Mapping[int, FaultKind]) -> None:
        self._by_status = by_status
        self._of_a_text = [
            (row, re.compile(row.when, re.IGNORECASE | re.DOTALL)) for row in rows if row.when
        ]
        self._of_a_code = {row.code: row for row in rows if not row.when}

    def read(self, said: Said) -> Refused | Fault:
        row = self._row(said)
        if row is None:
            return self._unknown(said)
        means = row.spot if said.spot else row.means
        if isinstance(means, RefusalReason):
            return Refused(means, said.code, said.message, row.reach)
        told = sentence(said, row.field, row.remedy)
        return Fault(means, said.code, told, said.retry_after_s, row.reach)

    def _row(self, said: Said) -> Row | None:
        for row, text in self._of_a_text:
            if row.code in (ANY, said.code) and text.search(said.message):
                return row
        return self._of_a_code.get(said.code)

    def _unknown(self, said: Said) -> Fault:
        kind = self._by_status.get(said.status, FaultKind.UNKNOWN_CODE)
        code = said.code or (str(said.status) if said.status else "")
        reach = _USUAL_REACH.get(kind, Reach.PLACE)
        return Fault(kind, code, sentence(said), said.retry_after_s, reach)


_USUAL_REACH: Final = {FaultKind.AUTH: Reach.CLOUD, FaultKind.THROTTLED: Reach.REGION}

BY_STATUS: Final[Mapping[int, FaultKind]] = {
    401: FaultKind.AUTH,
    403: FaultKind.AUTH,
    429: FaultKind.THROTTLED,
    **dict.fromkeys((500, 502, 503, 504), FaultKind.TRANSIENT),
}
"""What statuses mean without a code that is known: a balancer before the cloud has none."""


def sentence(said: Said, field: str = "", remedy: str = "") -> str:
    """The account, the field, what the cloud said of it, and what to do about it."""
    told = ": ".join(part for part in (said.account, field, said.message) if part)
    return "; ".join(part for part in (told, remedy) if part)
