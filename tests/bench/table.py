"""The table of a benchmark, for a terminal or for a README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.harness import BUSY, Measured, Row

HEAD: Final = ("row", "target", "median", "min", "max", "runs", "")
_WIDTHS: Final = (58, 10, 12, 10, 10, 5, 0)
_SMALL: Final = 100


def cells(measured: Measured) -> tuple[str, ...]:
    values = measured.values
    remark = {True: "", False: "falls short", None: ""}[measured.reached]
    if measured.busy > BUSY:
        others = f"others used {measured.busy:.0%} of the machine"
        remark = f"{remark}; {others}" if remark else others
    return (
        f"{measured.row.name}, {measured.row.figure}",
        measured.row.target,
        _number(measured.median),
        _number(min(values)),
        _number(max(values)),
        str(len(values)),
        remark,
    )


def left_out(row: Row, why: str) -> tuple[str, ...]:
    return (f"{row.name}, {row.figure}", row.target, "-", "-", "-", "0", f"LEFT OUT: {why}")


def line(parts: Sequence[str]) -> str:
    """One line of the table on a terminal."""
    first, second, *rest = zip(parts, _WIDTHS, strict=True)
    numbers = "  ".join(part.rjust(width) for part, width in rest[:-1])
    return f"{first[0]:<{first[1]}} {second[0]:>{second[1]}}  {numbers}  {rest[-1][0]}".rstrip()


def markdown(rows: Sequence[Sequence[str]], said: str) -> str:
    """The whole table, with the machine it was measured on."""
    head = "| " + " | ".join(HEAD[:-1]) + " | remark |"
    ruler = "|---|---:|---:|---:|---:|---:|---|"
    return "\n".join([head, ruler, *(f"| {' | '.join(row)} |" for row in rows), "", said])


def _number(value: float) -> str:
    if value >= _SMALL:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
