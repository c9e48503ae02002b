"""The local clouds as one process: how it runs, and how another process starts and ends it.

A face's module has `open_account(cloud) -> (face, account)`; the host adds the `endpoint`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import providers
from broker.domain.market import Place
from broker.domain.stock import MalformedCapacity, Series, read_capacity
from providers.emulators.cloud import Cloud
from providers.emulators.control import Control, tell
from providers.emulators.machines import LocalComputer
from providers.emulators.metadata import Metadata
from providers.emulators.transcript import Transcript
from providers.emulators.wire import Wire

if TYPE_CHECKING:
    from types import TracebackType

TRANSCRIPT: Final = "LOCAL_CLOUDS_TRANSCRIPT"
FACES: Final = ("azure", "aws", "gcp", "oracle")
_KEYS_STAY: Final = frozenset({"aws", "oracle"})
_NOTICE_S: Final = {"azure": 30.0, "aws": 120.0, "gcp": 30.0, "oracle": 120.0}
"""How long before its end a machine on spot is told of it; Oracle's is told nothing itself."""
_CONTROL: Final = "control"
_ENDING_S: Final = 15.0

Accounts: TypeAlias = dict[str, dict[str, str]]


class LocalClouds:
    """The local clouds in a process of their own, which ends with the `with` block or with us."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.accounts: Accounts = {}
        self._desk: dict[str, str] = {}
        self._host: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Raises RuntimeError before the start."""
        return self._running().pid

    def start(self) -> Accounts:
        """The accounts, by cloud. Raises RuntimeError with what the process had to complain of."""
        self._host = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "providers.emulators", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(providers.__path__[0]).parent,
            # Ctrl-C is for the broker, which still needs its clouds to end in order.
            start_new_session=True,
        )
        said = self._host.stdout.readline() if self._host.stdout is not None else ""
        if not said:
            self.stop()
            raise RuntimeError("the local clouds did not start; what they said stands above")
        self.accounts = json.loads(said)
        self._desk = self.accounts.pop(_CONTROL)
        return self.accounts

    def order(self, cloud: str, **what: object) -> Any:  # noqa: ANN401 - whatever it tells
        """Have one of them do one thing of `orders.py`. Raises RuntimeError for no order."""
        ((verb, how),) = what.items()
        return tell(self._desk, verb, {"cloud": cloud, "what": how})

    def evict(self, cloud: str, tag: str = "", notice_s: float | None = None) -> int:
        """Have a cloud take back its machines on spot that bear `name=value`; says how many."""
        said = {"cloud": cloud, "tag": tag, "notice_s": notice_s}
        return int(tell(self._desk, "evict", said))

    def restock(self, place: Place, units: int) -> None:
        """From now on a place holds so many; who is over that on spot is taken back."""
        said = {"cloud": place.provider.value, "region": place.region, "sku": place.sku}
        tell(self._desk, "restock", {**said, "spot": place.interruptible, "units": units})

    def stop(self) -> None:
        """Return when the process and all its machines have ended."""
        host = self._running()
        for pipe in (host.stdin, host.stdout):
            if pipe is not None:
                pipe.close()
        try:
            host.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            host.kill()
            host.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self._host is None:
            raise RuntimeError("the local clouds were not started")
        return self._host


def run(arguments: Sequence[str]) -> int:
    """Serve until stdin ends or SIGTERM comes; one line of JSON on stdout names the accounts."""
    options = _options(arguments)
    try:
        stock = _stock(options.capacity, options.pools)
    except (OSError, MalformedCapacity) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    with ExitStack() as stack:
        computer = stack.enter_context(LocalComputer())
        kept = options.checkpoints or Path(stack.enter_context(_passing()))
        clock = _clock(options.speed)
        heard = None
        if options.transcript is not None:
            heard = stack.enter_context(Transcript(options.transcript)).heard
        accounts: Accounts = {}
        clouds: dict[str, Cloud] = {}
        for name in options.faces.split(","):
            cloud = Cloud(
                stock=_of(name, stock),
                computer=computer,
                boot_s=options.boot,
                late_stock_out=name in options.late_stock_out,
                keys_stay=name in _KEYS_STAY,
                clock=clock,
            )
            cloud.evict_after_s = options.evict_after
            cloud.notice_s = _NOTICE_S[name] if options.notice is None else options.notice
            cloud.exports = {"BROKER_CHECKPOINTS": str(kept.absolute())}
            face, account = import_module(f"providers.emulators.{name}").open_account(cloud)
            inside = Wire(Metadata(cloud, name))
            stack.callback(inside.close)
            cloud.metadata, clouds[name] = inside.url, cloud
            wire = Wire(face, cloud.faults.arriving)
            wire.heard = heard
            stack.callback(wire.close)
            accounts[name] = {**account, "endpoint": wire.url}
        control = Control(clouds)
        desk = Wire(control)
        stack.callback(desk.close)
        said = {**accounts, _CONTROL: {"endpoint": desk.url, "token": control.token}}
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()
        threading.Thread(target=_until_end_of_input, args=(over,), daemon=True).start()
        over.wait()
    return 0


def _passing() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="local-cloud-kept-", ignore_cleanup_errors=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m providers.emulators", description=__doc__)
    add: Callable[..., Any] = parser.add_argument
    add("--capacity", type=Path, help="stock over time, as a capacity file")
    add("--pools", type=Path, help="stock without end, from a file with max_units by place")
    add("--boot", type=float, default=0.0, metavar="SECONDS", help="from launch to running")
    add("--late-stock-out", action="append", default=[], choices=FACES, help="refuse after boot")
    add("--speed", type=float, default=1.0, metavar="X", help="how fast the stock's clock runs")
    add("--notice", type=float, metavar="SECONDS", help="what a spot machine is told beforehand")
    add("--evict-after", type=float, metavar="SECONDS", help="take back each that runs so long")
    add("--checkpoints", type=Path, help="where jobs keep what outlives their machines")
    add("--faces", default=",".join(FACES), help="which clouds, separated by commas")
    told = os.environ.get(TRANSCRIPT)
    add("--transcript", type=Path, default=told, metavar="FILE", help="append every exchange")
    options = parser.parse_args(arguments)
    if unknown := set(options.faces.split(",")) - set(FACES):
        parser.error(f"--faces: {', '.join(sorted(unknown))}; there are {', '.join(FACES)}")
    return options


def _stock(capacity: Path | None, pools: Path | None) -> dict[Place, Series]:
    """Constant from the pools, and over time where the capacity file knows a place."""
    stock: dict[Place, Series] = {}
    if pools is not None:
        with pools.open(encoding="utf-8", newline="") as lines:
            stock |= _read_pools(lines, str(pools))
    if capacity is not None:
        with capacity.open(encoding="utf-8", newline="") as lines:
            stock |= read_capacity(lines, str(capacity))
    return stock


def _read_pools(lines: Iterable[str], source: str) -> dict[Place, Series]:
    rows = csv.DictReader(lines)
    stock: dict[Place, Series] = {}
    for row in rows:
        try:
            name = "oracle" if row["provider"] == "oci" else row["provider"]
            place = Place.told({**row, "provider": name})
            stock[place] = Series.constant(int(row["max_units"]))
        except (KeyError, TypeError, ValueError) as wrong:
            text = f"{source}, line {rows.line_num}: this is no pool ({wrong})"
            raise MalformedCapacity(text) from None
    return stock


def _of(name: str, stock: Mapping[Place, Series]) -> dict[tuple[str, str], Series]:
    mine = {place: series for place, series in stock.items() if place.provider.value == name}
    return {(place.region, place.sold): series for place, series in mine.items()}


def _clock(speed: float) -> Callable[[], float]:
    zero = time.monotonic()
    return lambda: (time.monotonic() - zero) * speed


def _until_end_of_input(over: threading.Event) -> None:
    # Not through sys.stdin: a thread that waits in its buffer cannot be left behind.
    while os.read(0, 4096):
        pass
    over.set()
