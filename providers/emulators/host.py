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
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import providers
from broker.domain.market import Place
from broker.domain.stock import MalformedCapacity, Series, read_capacity
from providers.emulators.clocks import stock_clock
from providers.emulators.cloud import Cloud
from providers.emulators.machines import LocalComputer
from providers.emulators.orders import obey
from providers.emulators.transcript import Transcript
from providers.emulators.wire import Wire

if TYPE_CHECKING:
    from types import TracebackType

TRANSCRIPT: Final = "LOCAL_CLOUDS_TRANSCRIPT"
FACES: Final = ("azure", "aws", "gcp", "oracle")
_KEYS_STAY: Final = frozenset({"aws", "oracle"})
_ENDING_S: Final = 15.0

Accounts: TypeAlias = dict[str, dict[str, str]]


class LocalClouds:
    """The local clouds in a process of their own, which ends with the `with` block or with us."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.accounts: Accounts = {}
        self._host: subprocess.Popen[str] | None = None
        self._ordering = threading.Lock()

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
        return self.accounts

    def order(self, cloud: str, **what: object) -> Any:  # noqa: ANN401 - whatever it tells
        """Have one of them do something, as `orders.py` has it. Raises ValueError for no order."""
        host = self._running()
        if host.stdin is None or host.stdout is None:
            raise RuntimeError("the local clouds were stopped")
        with self._ordering:
            host.stdin.write(f"{json.dumps({'cloud': cloud, **what})}\n")
            host.stdin.flush()
            told = json.loads(host.stdout.readline())
        if "error" in told:
            raise ValueError(told["error"])
        return told["done"]

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
    """Serve until stdin ends or SIGTERM comes; one line of JSON on stdout names the accounts.

    Every further line on stdin is an order to one of the clouds, answered by a line on stdout.
    """
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
        clock = stock_clock(options.speed)
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
            face, account = import_module(f"providers.emulators.{name}").open_account(cloud)
            wire = Wire(face, cloud.faults.arriving)
            wire.heard = heard
            clouds[name] = cloud
            stack.callback(wire.close)
            accounts[name] = {**account, "endpoint": wire.url}
        _say(accounts)
        threading.Thread(target=_obey_until_end_of_input, args=(over, clouds), daemon=True).start()
        over.wait()
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m providers.emulators", description=__doc__)
    add: Callable[..., Any] = parser.add_argument
    add("--capacity", type=Path, help="stock over time, as a capacity file")
    add("--pools", type=Path, help="stock without end, from a file with max_units by place")
    add("--boot", type=float, default=0.0, metavar="SECONDS", help="from launch to running")
    add("--late-stock-out", action="append", default=[], choices=FACES, help="refuse after boot")
    add("--speed", type=float, default=1.0, metavar="X", help="how fast the stock's clock runs")
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


def _obey_until_end_of_input(over: threading.Event, clouds: Mapping[str, Cloud]) -> None:
    # Not through sys.stdin: a thread that waits in its buffer cannot be left behind.
    unread = b""
    while heard := os.read(0, 65536):
        *lines, unread = (unread + heard).split(b"\n")
        for line in lines:
            _say(obey(clouds, line.decode("utf-8", "replace")))
    over.set()


def _say(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()
