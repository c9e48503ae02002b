"""The small words everything else is said in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NewType, TypeAlias

JobId = NewType("JobId", str)
OfferId = NewType("OfferId", str)
AnswerId = NewType("AnswerId", str)
NoticeId = NewType("NoticeId", str)
KeyId = NewType("KeyId", str)
CommitmentId = NewType("CommitmentId", str)
RefusalId = NewType("RefusalId", str)
LeaseId = NewType("LeaseId", str)
MachineName = NewType("MachineName", str)

Usd = Decimal
"""An amount of US dollars; in the log and on the wire a decimal string, never a float."""


class ProviderName(StrEnum):
    """The suppliers a unit can come from; `own` is the machines of one's own."""

    AZURE = "azure"
    AWS = "aws"
    GCP = "gcp"
    ORACLE = "oracle"
    OWN = "own"


class Purchase(StrEnum):
    """How a machine is bought; each has a stock, a price and refusals of its own."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    """Cheaper, and taken back by its cloud whenever it wants it."""
    RESERVED = "reserved"
    """Under a reservation that is paid for already."""


class RefusalReason(StrEnum):
    """Why a supplier said no. Only a true "no" is one of these; a mistake of ours never is."""

    NO_CAPACITY = "no_capacity"
    OVER_QUOTA = "over_quota"
    NOT_STOCKED = "not_stocked"
    SPEC_UNSUPPORTED = "spec_unsupported"
    NOT_ECONOMIC = "not_economic"
    TOO_LATE = "too_late"
    STRATEGIC = "strategic"
    RISK = "risk"
    UNREACHABLE = "unreachable"


ONE_OF_THE_REASONS: Final = f"give one of {', '.join(RefusalReason)}"


def usd(value: str | int | Decimal) -> Usd:
    """An amount without trailing zeros, so that equal amounts read alike."""
    amount = Decimal(value).normalize()
    return amount if amount.as_tuple().exponent not in ("n", "N", "F") else Decimal(0)


def instant_text(at: datetime) -> str:
    """UTC with microseconds, as every fact writes it: `2025-01-21T00:00:00.000000Z`."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def instant(text: str) -> datetime:
    """The instant a text names; it must carry its zone. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; end it with Z")
    return at.astimezone(UTC)


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent or trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: object) -> Any:  # noqa: ANN401 - this is where types end and JSON begins
    """The JSON form of a value of ours: strings, integers, booleans, lists and objects only."""
    form = _FORMS.get(type(value)) or _learnt(type(value))
    return form(value)


def _learnt(kind: type) -> _Form:
    """The form of a type met for the first time."""
    if is_dataclass(kind):
        form = _fields_of(kind)
    else:
        known = next((family for family in _FAMILIES if issubclass(kind, family)), None)
        if known is None:
            raise TypeError(f"{kind.__name__} has no place in a fact")
        form = _FAMILIES[known]
    _FORMS[kind] = form
    return form


def _fields_of(kind: Any) -> _Form:  # noqa: ANN401
    names = tuple(field.name for field in fields(kind))

    def form(value: Any) -> Any:  # noqa: ANN401
        return {name: plain(getattr(value, name)) for name in names}

    return form


def _same(value: Any) -> Any:  # noqa: ANN401
    return value


def _listed(value: Any) -> Any:  # noqa: ANN401
    return [plain(item) for item in value]


def _sorted(value: Any) -> Any:  # noqa: ANN401
    return sorted(plain(item) for item in value)


def _named(value: Any) -> Any:  # noqa: ANN401
    return {str(key): plain(item) for key, item in value.items()}


_Form: TypeAlias = Callable[[Any], Any]

_FORMS: Final[dict[type, _Form]] = {
    str: _same,
    int: _same,
    bool: _same,
    type(None): _same,
}
"""What is known of the types met so far."""

_FAMILIES: Final[Mapping[type, _Form]] = {
    StrEnum: lambda value: value.value,
    str: _same,
    int: _same,
    Decimal: decimal_text,
    datetime: instant_text,
    tuple: _listed,
    list: _listed,
    frozenset: _sorted,
    set: _sorted,
    Mapping: _named,
}
"""The first that a type belongs to gives it its form."""
