"""How amounts are written: GPUs, sizes, prices, spans of time; each is kept in one form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from math import ceil
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

from broker.domain.values import decimal_text, usd
from broker.wire.strict import wrong

LONGEST: Final = timedelta(days=3650)
MOST: Final = 1_000_000

_GPU: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9 ._-]*?)\s*(?::\s*(\d{1,7}))?", re.ASCII)
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)\+?", re.ASCII)
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_BYTES: Final = {
    "": 10**9,
    "g": 10**9,
    "gb": 10**9,
    "gib": 2**30,
    "gi": 2**30,
    "m": 10**6,
    "mb": 10**6,
    "mib": 2**20,
    "mi": 2**20,
    "t": 10**12,
    "tb": 10**12,
    "tib": 2**40,
    "ti": 2**40,
}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_gpu(asked: str) -> tuple[tuple[str, ...], int]:
    """The accelerators of which any does, and how many of it a machine has."""
    if not asked:
        return (), 0
    names, _, count = asked.partition(":")
    return tuple(names.split("|")), int(count)


def gpu(given: object) -> str:
    """`H100:8`, `A100|H100:8` or a list of such: one form, always with its count."""
    parts: Sequence[object]
    if isinstance(given, str):
        parts = given.split("|") if given.strip() else ()
    elif isinstance(given, list | tuple):
        parts = given
    else:
        raise wrong("write a GPU as text such as 'H100:8', or a list of which any does")
    names: list[str] = []
    counts: set[int] = set()
    for part in parts:
        found = _GPU.fullmatch(part.strip()) if isinstance(part, str) else None
        if found is None:
            raise wrong(f"{part!r} is no GPU; write it as 'H100:8' or 'A100|H100:8'")
        names.append(found[1])
        if found[2] is not None:
            counts.add(int(found[2]))
    if len(counts) > 1:
        raise wrong("alternatives have one count; write 'A100|H100:8'")
    count = counts.pop() if counts else 1
    if not 1 <= count <= MOST:
        raise wrong(f"{count} GPUs a machine cannot be; ask for at least 1")
    return f"{'|'.join(dict.fromkeys(names))}:{count}" if names else ""


def cpus(given: object) -> int:
    """`64`, `"64"` or `"64+"`; all mean at least so many."""
    amount, unit = _amount(given, "write CPUs as 64 or '64+'")
    if unit or amount != int(amount):
        raise wrong(f"{given!r} is no number of CPUs; write 64 or '64+'")
    return int(amount)


def memory_gib(given: object) -> int:
    """`"512GB+"`, `"512GiB"` or `512`, which is GB, in whole GiB, rounded up."""
    amount, unit = _amount(given, "write memory as '512GB' or 512")
    size = _BYTES.get(unit.lower())
    if size is None:
        raise wrong(f"{unit!r} is no unit of memory; write '512GB'")
    return ceil(amount * size / 2**30)


def memory(given: object) -> int | str:
    """As it was given, once it is known to be an amount."""
    if memory_gib(given) > MOST:
        raise wrong(f"{given!r} is more memory than a machine can have")
    return str(given) if isinstance(given, float | str) else int(str(given))


def _amount(given: object, advice: str) -> tuple[Decimal, str]:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise wrong(f"{given!r} is no amount; {advice}")
    found = _AMOUNT.fullmatch(str(given).strip())
    if found is None or len(found[1]) > 12:  # noqa: PLR2004 - more digits than any machine's
        raise wrong(f"{given!r} is no amount; {advice}")
    amount = Decimal(found[1])
    if amount > MOST * 1000:
        raise wrong(f"{given!r} is more than a machine can have")
    return amount, found[2]


def price(given: object) -> Decimal | None:
    """US dollars; a float means what it reads as."""
    if given is None:
        return None
    try:
        amount = Decimal("NaN" if isinstance(given, bool) else str(given))
    except InvalidOperation:
        raise wrong(f"{given!r} is no price; write US dollars such as 70 or '70.25'") from None
    if not (amount.is_finite() and 0 < amount <= MOST):
        raise wrong(f"{given} is no price; write a positive number of US dollars")
    if amount != (rounded := round(amount, 6)):
        raise wrong(f"{given} is finer than a millionth of a dollar; write {rounded}")
    return usd(amount)


def span(given: object) -> timedelta | None:
    """Seconds, a timedelta, or text such as `90s`, `20m`, `2h` or `1h30m`."""
    if given is None:
        return None
    found: timedelta | None = None
    if isinstance(given, timedelta):
        found = given
    elif isinstance(given, str) and (parts := _SPAN.findall(given.replace(" ", "").lower())):
        if "".join(number + unit for number, unit in parts) == given.replace(" ", "").lower():
            total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
            found = timedelta(seconds=min(total, LONGEST.total_seconds() + 1))
    elif isinstance(given, int | float) and not isinstance(given, bool):
        found = timedelta(seconds=max(-1.0, min(given, LONGEST.total_seconds() + 1)))
    if found is None:
        raise wrong(f"{given!r} is no span of time; write seconds, or text such as '20m' or '2h'")
    if not timedelta(0) < found <= LONGEST:
        raise wrong(f"{given} is no span of time; write more than nothing and at most ten years")
    return found


def seconds(given: Span) -> int | None:
    """Whole seconds, rounded up; a span of time as the domain keeps it."""
    found = span(given)
    return None if found is None else ceil(found.total_seconds())


def _plain_price(given: Price) -> str | None:
    found = price(given)
    return None if found is None else decimal_text(found)


def _plain_span(given: Span) -> int | float | None:
    found = span(given)
    if found is None:
        return None
    total = found.total_seconds()
    return int(total) if total.is_integer() else total


Gpu: TypeAlias = Annotated[str | list[str] | tuple[str, ...], BeforeValidator(gpu)]
Cpus: TypeAlias = Annotated[int | str, BeforeValidator(cpus)]
Memory: TypeAlias = Annotated[int | str, BeforeValidator(memory)]
Price: TypeAlias = Annotated[
    Decimal | float | str | None, BeforeValidator(price), PlainSerializer(_plain_price)
]
Span: TypeAlias = Annotated[
    timedelta | float | str | None, BeforeValidator(span), PlainSerializer(_plain_span)
]
