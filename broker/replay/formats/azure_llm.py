"""The Azure LLM traces: requests, made into the replicas that would have to run for them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from broker.replay.formats.lines import Row, first_line, own_row, rows

HEADERS: Final = (
    ("arrival_s", "context_tokens", "generated_tokens"),
    ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
)
WINDOW_S: Final = 60
PROMPT_TOKENS_S: Final = 8_000
OUTPUT_TOKENS_S: Final = 600
BUSY: Final = 0.7
_TOO_FINE: Final = re.compile(r"(\.\d{6})\d+")
"""Digits of a second beyond the microseconds."""
METHOD: Final = (
    f"Requests are made into replicas of one GPU. A replica reads {PROMPT_TOKENS_S:,} prompt "
    f"tokens and writes {OUTPUT_TOKENS_S:,} output tokens a second and is kept {BUSY:.0%} busy "
    f"(assumed); each {WINDOW_S} s need as many replicas as their tokens take, rounded up. The "
    "n-th replica is one job for as long as n or more are needed without a break."
)


def read_azure_llm(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    names = HEADERS[0] if first_line(path).startswith(HEADERS[0][0]) else HEADERS[1]
    busy: Counter[int] = Counter()
    where, first = f"{path}", None
    for row in rows(path, names):
        at = _arrival(row, names[0])
        first = at if first is None else first
        if at < first:
            raise row.wrong(f"{names[0]} is earlier than the first request; sort the file by time")
        work = row.number(names[1]) / PROMPT_TOKENS_S + row.number(names[2]) / OUTPUT_TOKENS_S
        busy[int((at - first) // WINDOW_S)] += work  # type: ignore[assignment]
        where = row.where
    if not busy:
        return
    needed = [math.ceil(busy[n] / (WINDOW_S * BUSY)) for n in range(max(busy) + 1)]
    for number, (from_s, to_s) in enumerate(replicas(needed)):
        yield (
            where,
            own_row(
                name=f"replica-{number}",
                submit_s=from_s,
                duration_s=to_s - from_s,
                gpus=1,
                kind="inference",
                tenant="azure-llm",
            ),
        )


def replicas(needed: Sequence[int]) -> list[tuple[float, float]]:
    """From when to when each replica runs: the n-th wherever n or more are needed."""
    found = []
    for level in range(1, max(needed, default=0) + 1):
        since: int | None = None
        for index, count in enumerate([*needed, 0]):
            if count >= level and since is None:
                since = index
            elif count < level and since is not None:
                found.append((float(since * WINDOW_S), float(index * WINDOW_S)))
                since = None
    return sorted(found)


def _arrival(row: Row, name: str) -> float:
    if name == HEADERS[0][0]:
        return row.number(name)
    text = row.text(name)
    try:
        at = datetime.fromisoformat(_TOO_FINE.sub(r"\1", text))
    except ValueError:
        raise row.wrong(f"{name} {text!r} is no instant") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
