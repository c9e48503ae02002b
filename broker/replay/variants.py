"""The variants of a comparison: agreements by name, and one mechanic of a right swept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from broker.agreements.errors import AgreementError, nearest
from broker.agreements.lint import lint
from broker.agreements.read import edition_of
from broker.agreements.registry import edition_named, named, shipped
from broker.domain.agreement import Agreement, Edition
from broker.replay.world import DeskHabit

OPEN: Final = "open"
CHOSEN: Final = "first-refusal"
"""The name, in a comparison, of the agreement that was chosen for the replay."""

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+)([smhd])")

_Setter: TypeAlias = Callable[[dict[str, Any], str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One replay of a comparison."""

    name: str
    agreement: Agreement
    start: datetime
    habit: DeskHabit
    swept: tuple[str, float] | None = None
    """The mechanic that was set, and its value."""


def compared(names: str, chosen: Variant) -> list[Variant]:
    """One variant for each name with commas between. Raises ValueError."""
    found: list[Variant] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name in {variant.name for variant in found}:
            raise ValueError(f"--compare names {name!r} twice; name each once")
        found.append(_named(name, chosen))
    if not found:
        raise ValueError("--compare is empty; write exclusive,first-refusal,open")
    return found


def _named(name: str, chosen: Variant) -> Variant:
    if name == CHOSEN:
        return replace(chosen, name=name)
    agreement_name, _, edition_id = name.partition("@")
    known = shipped()
    if agreement_name not in known:
        choices = nearest(agreement_name, [CHOSEN, *known])
        raise ValueError(f"--compare: there is no agreement {agreement_name!r}: {choices}")
    agreement = named(known, agreement_name)
    if not edition_id:
        return replace(chosen, name=name, agreement=agreement)
    edition = edition_named(agreement, edition_id)
    return replace(chosen, name=name, agreement=agreement, start=edition.begins or chosen.start)


def baseline(chosen: Variant) -> Variant:
    """The same replay under an agreement that leaves every cloud free."""
    return replace(chosen, name=OPEN, agreement=named(shipped(), OPEN))


def swept(spec: str, chosen: Variant) -> list[Variant]:
    """`window=0s,1m,30m,4h`: the chosen agreement with one mechanic set. Raises ValueError."""
    mechanic, _, values = spec.partition("=")
    texts = [text.strip() for text in values.split(",") if text.strip()]
    if not texts:
        raise ValueError(f"--sweep {spec!r} names no values; write window=0s,1m,30m,4h")
    if mechanic not in _MECHANICS and mechanic not in ("delay", "silent"):
        choices = nearest(mechanic, [*_MECHANICS, "delay", "silent"])
        raise ValueError(f"--sweep: there is no mechanic {mechanic!r}: {choices}")
    return [_set(mechanic, text, chosen) for text in texts]


def _set(mechanic: str, text: str, chosen: Variant) -> Variant:
    name = f"{mechanic}={text}"
    if mechanic == "silent":
        share = _share(mechanic, text)
        habit = replace(chosen.habit, silent=share)
        return replace(chosen, name=name, habit=habit, swept=(mechanic, share))
    seconds = duration_s(mechanic, text)
    if mechanic == "delay":
        habit = replace(chosen.habit, delay_s=seconds)
        return replace(chosen, name=name, habit=habit, swept=(mechanic, seconds))
    agreement = altered(chosen.agreement, mechanic, seconds)
    return replace(chosen, name=name, agreement=agreement, swept=(mechanic, seconds))


def duration_s(mechanic: str, text: str) -> int:
    """Whole seconds of `30m`. Raises ValueError."""
    form = _DURATION.fullmatch(text)
    if form is None:
        raise ValueError(f"--sweep {mechanic}: {text!r} is no duration such as 0s, 1m, 4h or 2d")
    return int(form[1]) * _UNITS_S[form[2]]


def _share(mechanic: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ValueError(f"--sweep {mechanic}: {text!r} is no share between 0 and 1")
    return share


def altered(agreement: Agreement, mechanic: str, seconds: int) -> Agreement:
    """The agreement with that mechanic set in every right it has, each edition linted again.

    The document is altered and read, so that the log carries the edition that was really in force.
    Raises AgreementError where no edition has a right.
    """
    if not any(clause.right for edition in agreement.editions for clause in edition.clauses):
        raise AgreementError(
            f"{agreement.name} has no right of first refusal whose {mechanic} could be swept; "
            "choose another --agreement"
        )
    editions = {e.id: _altered(e, mechanic, seconds) for e in agreement.editions}
    for finding in lint(editions):
        raise AgreementError(f"with {mechanic} {seconds} s: {finding.sentence()}")
    return Agreement(name=agreement.name, editions=tuple(editions.values()))


def _altered(edition: Edition, mechanic: str, seconds: int) -> Edition:
    document: dict[str, Any] = deepcopy(dict(edition.document))
    for clause in document["clauses"]:
        if "rofr" in clause:
            _MECHANICS[mechanic](clause["rofr"], f"PT{seconds}S")
    return edition_of(document, f"{edition.agreement} {edition.id}")


def _window(right: dict[str, Any], value: str) -> None:
    window = right["window"]
    classes = dict.fromkeys(window.get("by_class") or {}, value)
    right["window"] = {**window, "default": value, "minimum": value, "by_class": classes}
    if right.get("requote"):
        right["requote"] = {**right["requote"], "window": value}


def _within(block: str, key: str) -> _Setter:
    def setter(right: dict[str, Any], value: str) -> None:
        right[block] = {**right[block], key: value}

    return setter


_MECHANICS: Final[Mapping[str, _Setter]] = {
    "window": _window,
    "tail": _within("after_refusal", "tail"),
    "refusal_max_age": _within("standing_answers", "refusal_max_age"),
    "provision": _within("provision", "deadline"),
    "cure": _within("provision", "cure"),
}


def mechanics() -> Sequence[str]:
    return (*_MECHANICS, "delay", "silent")
