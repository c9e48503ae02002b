"""The edition files that ship, and a way to spoil one of them in just one place."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

SHIPPED: Final = {
    entry.name: entry.read_text(encoding="utf-8")
    for entry in files("broker.agreements").iterdir()
    if entry.name.endswith(".yaml")
}
E1, E2, E3, E4 = (
    f"microsoft-openai.{day}.yaml"
    for day in ("2023-01-23", "2025-01-21", "2025-10-28", "2026-04-27")
)
DATED: Final = {file: SHIPPED[file] for file in (E1, E2, E3, E4)}


def spoilt(file: str, good: str, bad: str) -> str:
    """A shipped text with one thing changed, and nothing else."""
    text = SHIPPED[file]
    assert good in text, f"{file} has no {good!r} to spoil"
    return text.replace(good, bad, 1)
