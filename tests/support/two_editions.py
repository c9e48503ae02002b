"""An agreement whose second edition begins soon, with what it says of open offers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from broker.agreements.registry import agreements
from broker.domain.agreement import Agreement
from tests.support.editions import SHIPPED

FILE: Final = "azure-first-refusal.yaml"
NEXT: Final = "2026-03-02"


def _replaced(text: str, *pairs: tuple[str, str]) -> str:
    for good, bad in pairs:
        assert good in text, f"{FILE} has no {good!r}"
        text = text.replace(good, bad, 1)
    return text


def first(ends: datetime | None) -> str:
    """The shipped edition, with an end where there is one."""
    to = f'"{ends:%Y-%m-%dT%H:%M:%SZ}"' if ends else "null"
    return _replaced(SHIPPED[FILE], ("to: null", f"to: {to}"))


def second(begins: datetime, open_offers: str) -> str:
    """The same clauses again, as the next edition."""
    own = next(line for line in SHIPPED[FILE].splitlines() if line.startswith("edition:"))
    name = own.partition('"')[2].partition('"')[0]
    since = next(line for line in SHIPPED[FILE].splitlines() if line.startswith("effective:"))
    return _replaced(
        SHIPPED[FILE],
        (own, f'edition: "{NEXT}"'),
        (since, f'effective: {{from: "{begins:%Y-%m-%dT%H:%M:%SZ}", to: null}}'),
        ("supersedes: null", f'supersedes: "{name}"'),
        ("open_offers: run_off", f"open_offers: {open_offers}"),
    )


def two(begins: datetime, open_offers: str) -> Agreement:
    texts = {"one.yaml": first(begins), "two.yaml": second(begins, open_offers)}
    return agreements(texts)["azure-first-refusal"]
