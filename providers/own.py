"""Machines of one's own: places on this computer, each for one session that runs a script.

There are `count` of them, none unless configured. What runs is known from a directory that all
workers of this computer share, one entry for each machine, guarded by a lock. A machine lives as
long as a process bears its mark, in whatever session and whoever started it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, RefusalReason
from broker.ports import (
    Fault,
    FaultKind,
    Gone,
    Launching,
    Order,
    Outcome,
    OwnedMachine,
    Provider,
    Refused,
    Running,
)

_MARK: Final = "BROKER_OWN_MACHINE"
_ORDER: Final = "order.json"
_ADDRESS: Final = "127.0.0.1"
_PROC: Final = Path("/proc")
_LOOKS: Final = 3
"""How often a machine must be missing: a process that is just exec'ing shows no environment."""
_BETWEEN_LOOKS_S: Final = 0.02
_SWEEPS: Final = 50
# The shell that starts the machine leaves at once, so that nobody has to bury it later.
_START: Final = "./start-up </dev/null >console.log 2>&1 &"
_END: Final = """#!/bin/sh
for found in /proc/[0-9]*; do
    [ "$found" = "/proc/$$" ] && continue
    grep -qzxF "{mark}={home}" "$found/environ" 2>/dev/null && kill -s KILL "${{found#/proc/}}"
done
"""


def build(account: Mapping[str, str]) -> Provider:
    """The machines of the directory `state`: `count` of them, none unless it is named.

    Optional is `path`, where the machines look for programs. Raises KeyError for what is missing
    and ValueError for what cannot be.
    """
    count, state = int(account.get("count", "0")), Path(account["state"]).absolute()
    if count and not _PROC.joinpath("self", "environ").exists():
        raise ValueError("machines of one's own need a computer with /proc; leave count at 0")
    if any(letter.isspace() for letter in str(state)):
        raise ValueError(f"state is {str(state)!r}; name a directory without spaces")
    beside = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return Own(count=count, state=state, path=account.get("path", beside))


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A handle is the machine's name."""

    count: int
    state: Path
    path: str

    @property
    def name(self) -> ProviderName:
        return ProviderName.OWN

    def launch(self, order: Order) -> Outcome:
        try:
            with self._locked():
                return self._launch(order)
        except OSError as failure:
            return Fault(FaultKind.TRANSIENT, type(failure).__name__, str(failure))

    def poll(self, order: Order, handle: str) -> Outcome:
        if _living(self.state / handle):
            return Running(order.name, _ADDRESS)
        return Gone("its last process has ended")

    def terminate(self, order: Order, handle: str | None) -> bool:
        home = self.state / (handle or order.name)
        try:
            with self._locked():
                return self._terminate(order, home)
        except OSError:
            return False

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        alive = _processes()
        return [
            machine
            for home in alive
            if home.parent == self.state and (machine := _owned(home, owner)) is not None
        ]

    def _launch(self, order: Order) -> Outcome:
        home, alive = self.state / order.name, _processes()
        if home.exists():
            if _told(home).get("owner") != order.owner:
                return Fault(FaultKind.CONFLICT, "NameTaken", f"{order.name} is not ours")
            # One order is one machine: what has ended since is for the next poll to say.
            return Running(order.name, _ADDRESS) if home in alive else Launching(order.name)
        taken = sum(1 for other in alive if other.parent == self.state)
        if taken >= self.count:
            text = f"{taken} of {self.count} machines are taken"
            return Refused(RefusalReason.NO_CAPACITY, "AllTaken", text)
        self._start(home, order)
        return Running(order.name, _ADDRESS)

    def _start(self, home: Path, order: Order) -> None:
        home.mkdir(mode=0o700)
        place = {"region": order.place.region, "sku": order.place.sku}
        home.joinpath(_ORDER).write_text(json.dumps({"owner": order.owner, **place}))
        end = home / "end-machine"
        end.write_text(_END.format(mark=_MARK, home=home))
        start = home / "start-up"
        start.write_text(order.start_up)
        for script in (start, end):
            script.chmod(0o700)
        subprocess.run(  # noqa: S603 - the script is what was ordered
            ["/bin/sh", "-c", _START],
            cwd=home,
            env={
                "PATH": self.path,
                "HOME": str(home),
                "BROKER_END_MACHINE": str(end),
                "BROKER_CHECKPOINTS": str(self.state / ".checkpoints"),
                _MARK: str(home),
            },
            start_new_session=True,
            check=True,
        )

    def _terminate(self, order: Order, home: Path) -> bool:
        if home.exists() and _told(home).get("owner") not in (None, order.owner):
            return True
        for _ in range(_SWEEPS):
            doomed = _living(home)
            if not doomed:
                shutil.rmtree(home, ignore_errors=True)
                return not home.exists()
            for pid in doomed:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the workers of this computer. Raises OSError."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.state.joinpath(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _living(home: Path) -> set[int]:
    """The processes of one machine; none only where none is there at several looks."""
    for look in range(_LOOKS):
        if look:
            Event().wait(_BETWEEN_LOOKS_S)
        if found := _processes().get(home):
            return found
    return set()


def _processes() -> Mapping[Path, set[int]]:
    """The living processes of every machine, by its directory; a zombie bears no mark."""
    found: dict[Path, set[int]] = defaultdict(set)
    for entry in os.listdir(_PROC):  # noqa: PTH208 - some hundred names, many times
        if entry.isdigit():
            with suppress(OSError):
                words = _PROC.joinpath(entry, "environ").read_bytes().split(b"\0")
                for word in words:
                    if word.startswith(f"{_MARK}=".encode()):
                        found[Path(os.fsdecode(word.partition(b"=")[2]))].add(int(entry))
    return found


def _told(home: Path) -> dict[str, str]:
    """What was ordered; nothing, if it was never written down."""
    try:
        told: dict[str, str] = json.loads(home.joinpath(_ORDER).read_text())
    except (OSError, ValueError):
        return {}
    return told


def _owned(home: Path, owner: str) -> OwnedMachine | None:
    told = _told(home)
    if told.get("owner") != owner:
        return None
    return OwnedMachine(
        name=MachineName(home.name),
        place=Place(ProviderName.OWN, told["region"], told["sku"]),
        handle=home.name,
        running=True,
        since=datetime.fromtimestamp(home.joinpath(_ORDER).stat().st_mtime, UTC),
    )
