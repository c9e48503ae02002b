"""Many histories in two processes, and what came of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Final

from tests.fuzz.actions import Action, drawn
from tests.fuzz.history import Verdict, judged
from tests.fuzz.reached import reached
from tests.fuzz.shrink import shrunk
from tests.fuzz.story import told
from tests.fuzz.world import sqlite_directory

EVERY_TENTH: Final = 10
_PIECE: Final = 250
"""How many histories a process does at a time, at most: each time it makes a new database."""
_LONGEST_ON_SQLITE: Final = 20
_TOLD: Final = 3
"""How many failing histories are shrunk and told."""


@dataclass(slots=True)
class Outcome:
    """What some histories came to."""

    histories: int = 0
    on_sqlite: int = 0
    facts: int = 0
    found: Counter[str] = field(default_factory=Counter)
    failed: dict[int, frozenset[str]] = field(default_factory=dict)
    """The laws that the history of a seed has broken."""

    def add(self, other: Outcome) -> None:
        self.histories += other.histories
        self.on_sqlite += other.on_sqlite
        self.facts += other.facts
        self.found.update(other.found)
        self.failed.update(other.failed)


def on_sqlite(seed: int) -> bool:
    """Whether a seed's history runs on SQLite: every tenth does, the others in memory."""
    return seed % EVERY_TENTH == 0


def actions_of(seed: int) -> tuple[Action, ...]:
    """What happens in the history of a seed: less on SQLite, where it costs more."""
    drawn_ = drawn(seed)
    return drawn_[:_LONGEST_ON_SQLITE] if on_sqlite(seed) else drawn_


def history_of(seed: int, directory: str | None, *, telling: bool = False) -> Verdict:
    """The history of a seed, on its store; `directory` is where SQLite keeps it."""
    return judged(actions_of(seed), directory if on_sqlite(seed) else None, telling=telling)


def tried(seeds: Sequence[int]) -> Outcome:
    """The histories of these seeds."""
    logging.getLogger("broker").setLevel(logging.ERROR)  # troubles are part of a history
    outcome = Outcome()
    with ExitStack() as stack:
        directory: str | None = None
        if any(map(on_sqlite, seeds)):
            directory = stack.enter_context(sqlite_directory())
        for seed in seeds:
            verdict = history_of(seed, directory)
            outcome.histories += 1
            outcome.on_sqlite += on_sqlite(seed)
            outcome.facts += len(verdict.facts)
            outcome.found.update(reached(verdict))
            if not verdict.good:
                outcome.failed[seed] = verdict.broken
    return outcome


def in_two_processes(first: int, count: int, progress: Callable[[Outcome], object]) -> Outcome:
    """So many histories from a seed on; `progress` is told now and then."""
    whole = Outcome()
    size = max(1, min(_PIECE, count // 8))
    pieces = [
        range(start, min(start + size, first + count))
        for start in range(first, first + count, size)
    ]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(tried, piece) for piece in pieces]):
            whole.add(done.result())
            progress(whole)
    return whole


def stories(failed: dict[int, frozenset[str]]) -> Iterator[str]:
    """The first failing histories, made short and told, one of each kind."""
    kinds = {broken: seed for seed, broken in sorted(failed.items(), reverse=True)}
    for seed in sorted(kinds.values())[:_TOLD]:
        yield story_of(seed)


def story_of(seed: int) -> str:
    """The history of a seed: made short and told where it fails, told whole where it is good."""
    actions = actions_of(seed)
    with ExitStack() as stack:
        directory = stack.enter_context(sqlite_directory()) if on_sqlite(seed) else None
        broken = judged(actions, directory).broken

        def fails(kept: Sequence[Action]) -> bool:
            return bool(judged(kept, directory).broken & broken)

        short = shrunk(actions, fails) if broken else actions
        return told(judged(short, directory, telling=True), f"make fuzz SEED={seed}", short)
