"""Agreements by name: those that ship, and those of a directory of one's own."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from broker.agreements.errors import AgreementError, nearest
from broker.agreements.lint import lint
from broker.agreements.read import read
from broker.domain.agreement import Agreement, Edition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT: Final = "azure-first-refusal"

_UNDATED: Final = datetime.max.replace(tzinfo=UTC)


@cache
def shipped() -> Mapping[str, Agreement]:
    """The agreements that come with the package, by name."""
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in files("broker.agreements").iterdir()
        if entry.name.endswith(".yaml")
    }
    return MappingProxyType(agreements(texts))


def load(directory: Path, now: datetime | None = None) -> dict[str, Agreement]:
    """The agreements in the `.yaml` files of a directory, by name. Raises AgreementError.

    With `now` it is also refused that a draft has begun already.
    """
    try:
        texts = {
            path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.yaml"))
        }
    except (OSError, UnicodeDecodeError) as broken:
        raise AgreementError(f"the agreements in {directory} cannot be read: {broken}") from broken
    if not texts:
        raise AgreementError(f"there is no edition in {directory}: its files end in .yaml")
    return agreements(texts, now)


def agreements(texts: Mapping[str, str], now: datetime | None = None) -> dict[str, Agreement]:
    """The agreements in some texts, given by file name. Raises AgreementError."""
    editions = {file: read(text, file) for file, text in texts.items()}
    for finding in lint(editions, now):
        raise AgreementError(
            finding.says, file=finding.file, clause=finding.clause, rule=finding.rule
        )
    series: dict[str, list[Edition]] = defaultdict(list)
    for edition in editions.values():
        series[edition.agreement].append(edition)
    return {
        name: Agreement(name=name, editions=tuple(sorted(found, key=_age)))
        for name, found in sorted(series.items())
    }


def named(known: Mapping[str, Agreement], name: str) -> Agreement:
    """The agreement of that name. Raises AgreementError."""
    found = known.get(name)
    if found is None:
        raise AgreementError(f"there is no agreement {name!r}: {nearest(name, known)}")
    return found


def edition_named(agreement: Agreement, edition_id: str) -> Edition:
    """The edition of that id. Raises AgreementError."""
    found = agreement.edition(edition_id)
    if found is None:
        ids = nearest(edition_id, (edition.id for edition in agreement.editions))
        raise AgreementError(f"{agreement.name} has no edition {edition_id!r}: {ids}")
    return found


def _age(edition: Edition) -> datetime:
    return edition.begins or _UNDATED
