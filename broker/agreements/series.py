"""One more edition of an agreement that is known: the one before it ends where this one begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.agreements.errors import AgreementError
from broker.agreements.lint import lint
from broker.agreements.read import edition_of
from broker.domain.agreement import Agreement, Edition, Status


def following(known: Agreement | None, document: Mapping[str, Any], file: str) -> Agreement:
    """The agreement with this edition at its end. Raises AgreementError, saying where it fails."""
    edition = edition_of(document, file)
    before = list(known.editions) if known else []
    if known is not None and edition.agreement != known.name:
        says = f"agreement is {edition.agreement!r} and must be {known.name!r}"
        raise AgreementError(says, file=file)
    if edition.status is Status.DRAFT or edition.begins is None:
        raise AgreementError("status is draft, and a draft is not put on record", file=file)
    series = [*(_cut(one, edition) for one in before), edition]
    named = {f"{file} after {one.id}" if one is not edition else file: one for one in series}
    for finding in lint(named):
        raise AgreementError(
            finding.says, file=finding.file, clause=finding.clause, rule=finding.rule
        )
    return Agreement(name=edition.agreement, editions=tuple(series))


def _cut(before: Edition, after: Edition) -> Edition:
    """The edition that is superseded, with its end where it had none or a later one."""
    begins = after.begins
    if begins is None or before.id != after.supersedes:
        return before
    ends_in_time = before.ends is not None and before.ends <= begins
    return before if ends_in_time else replace(before, ends=begins)
