"""`broker demo`: the whole broker on this computer, a minute of work, and what came of it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from broker.agreements import registry
from broker.api.serving import PortTakenError
from broker.client.broker import Broker
from broker.client.handle import JobHandle
from broker.domain.chain import exported, read_lines
from broker.domain.values import ProviderName, instant
from broker.domain.workload import WorkClass
from broker.settings import DEFAULT_PORT, DeskKind
from providers.catalogue import pools
from providers.registry import provider
from workers.demo.figures import Figures, figures, sentences
from workers.demo.screen import Board, Stage, stage
from workers.demo.tale import Tale
from workers.demo.way import Scene
from workers.demo.workload import CAPACITY, FULL_S, PERSONS, Part, programme
from workers.embedded import Engine, start

AGREEMENT: Final = "azure-first-refusal-demo"
LOG: Final = Path("demo.jsonl")
BOOT_S: Final = 0.15
"""From launch to running on the local clouds: long enough to be seen, short enough for a window."""
_LOOKS_EVERY_S: Final = 0.125
_OVERTIME_S: Final = 60.0
"""How much longer than planned the play may take before what is left counts as lost."""
_PAGE: Final = 1000
_USUAL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"
"""Where the command line looks for a broker that nothing names."""
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def demo(
    seconds: float | None = None,
    *,
    port: int | None = None,
    log: Path = LOG,
    told: Callable[[Figures], object] | None = None,
) -> int:
    """Play, write the log, say what the audit finds; 1 where it finds what must not be.

    On a terminal the broker stays up until it is interrupted. Without a `port` it is the usual one,
    or any free one if that is taken. Where the figures are `told` to a program, all else is plain
    lines on stderr, and nothing stays up.
    """
    with _interruptible(), stage(aside=told is not None) as shown:
        try:
            with _engine(port) as engine:
                found = _play(engine, shown, float(seconds or FULL_S), log)
        except KeyboardInterrupt:
            shown.say(["", "Stopped; every process of the demonstration has ended."])
            return 130
    if told is not None:
        told(found)
    return 0 if found.good else 1


def _play(engine: Engine, shown: Stage, seconds: float, log: Path) -> Figures:
    parts = programme(seconds)
    shown.say(_opening(engine, parts, seconds))
    _rehearse(engine, shown)
    with Broker(engine.url, engine.token) as broker:
        tale = _Stagehand(engine, broker, shown, parts).play(seconds)
    found, up = _conclude(engine, log), isinstance(shown, Board)
    shown.say(
        ["", *(f" {line}" for line in sentences(found)), "", *_next(engine, tale, log, up=up)]
    )
    if not up:
        return found
    shown.say(["", " The broker stays up. Ctrl-C ends it, and every process with it."])
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    return found


def _engine(port: int | None) -> Engine:
    try:
        return _started(DEFAULT_PORT if port is None else port)
    except PortTakenError:
        if port is not None:
            raise
        return _started(0)


def _rehearse(engine: Engine, shown: Stage) -> None:
    """Load the SDKs before the clock starts, which takes seconds once, and ask each for nothing."""
    since = time.monotonic()
    for name, account in engine.wiring.settings.accounts.items():
        with suppress(ConnectionError):
            list(provider(name, account).owned("nobody"))
    shown.say([f" the four SDKs are loaded, in {time.monotonic() - since:.1f} s", ""])


def _started(port: int) -> Engine:
    return start(
        port=port,
        agreement=AGREEMENT,
        capacity=CAPACITY,
        cloud_options=("--boot", str(BOOT_S)),
        desk_by_class={PERSONS: DeskKind.PERSON},
        agreement_by_tenant={},
    )


class _Stagehand:
    """Submits what is due, cancels what is to be cancelled, and shows the facts as they come."""

    def __init__(self, engine: Engine, broker: Broker, shown: Stage, parts: list[Part]) -> None:
        self._engine, self._broker, self._shown = engine, broker, shown
        self._coming = list(parts)
        self._cancels: list[tuple[float, JobHandle]] = []
        self._jobs = len(parts)
        self._tale = Tale()
        self._read = 0
        self._zero = time.monotonic()
        self._began = engine.wiring.clock.now()

    def play(self, seconds: float) -> Tale:
        """Returns when every job is over and its machines are gone, or the time is."""
        pause = threading.Event()
        while (at := time.monotonic() - self._zero) < seconds + _OVERTIME_S:
            self._submit(at)
            self._cancel(at)
            self._show()
            if not self._coming and self._tale.over == self._jobs and not self._tale.live():
                break
            pause.wait(_LOOKS_EVERY_S)
        return self._tale

    def _submit(self, at: float) -> None:
        due = [part for part in self._coming if part.at_s <= at]
        if not due:
            return
        self._coming = self._coming[len(due) :]
        group = self._broker.submit_many(part.job for part in due)
        for part, handle in zip(due, group, strict=True):
            if part.cancel_after_s is not None:
                self._cancels.append((at + part.cancel_after_s, handle))

    def _cancel(self, at: float) -> None:
        for due, handle in list(self._cancels):
            if due <= at:
                self._cancels.remove((due, handle))
                handle.cancel("changed our mind", timedelta(seconds=2))

    def _show(self) -> None:
        news = []
        while facts := self._engine.store.facts(self._read, _PAGE):
            self._read = facts[-1].position
            for fact in facts:
                said = self._tale.hear(fact)
                if said is not None:
                    news.append(((instant(fact.at) - self._began).total_seconds(), said))
        self._shown.show(self._tale, news, self._engine.wiring.clock.now())


def _conclude(engine: Engine, log: Path) -> Figures:
    """Export the log, and compute everything from the file."""
    while engine.store.seal(_PAGE):
        pass
    with log.open("w", encoding="utf-8") as file:
        after = 0
        while facts := engine.store.facts(after, _PAGE):
            file.writelines(f"{exported(fact)}\n" for fact in facts)
            after = facts[-1].position
    with log.open(encoding="utf-8") as file:
        return figures(read_lines(file), pools(tuple(ProviderName)))


def _opening(engine: Engine, parts: list[Part], seconds: float) -> list[str]:
    rights = [c.right for e in registry.shipped()[AGREEMENT].editions for c in e.clauses]
    windows = sorted(r.window_for(name) for r in rights if r is not None for name in WorkClass)
    return [
        f" demonstration edition {AGREEMENT}, windows of {windows[0]} to {windows[-1]} s",
        " everything is local and simulated; real spend 0.00",
        " database SQLite   queue embedded   clouds azure aws gcp oracle (local)",
        f" broker {engine.url}   API docs {engine.url}/docs",
        f" {len(parts)} jobs in {seconds:g} s, their commands really run on this computer",
    ]


def _next(engine: Engine, tale: Tale, log: Path, *, up: bool) -> list[str]:
    spilled = [
        job.name
        for job in tale.jobs.values()
        if job.scene is Scene.FINISHED and any("refused (" in hop.full for hop in job.hops)
    ]
    name = next(iter(spilled), "NAME")
    lines = [f" try:  broker explain {name}     broker ps     broker audit {log}"]
    if up and engine.url != _USUAL:
        lines.insert(0, f" export BROKER_URL={engine.url}")
    where = "in another terminal, while this one is up"
    when = where if up else "run on a terminal, the broker stays up for explain and ps"
    return [*lines, f"       broker replay DIR     ({when})"]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Being told to end, or losing the terminal, is an interruption: everything ends in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, kept in before.items():
            signal.signal(number, kept)
