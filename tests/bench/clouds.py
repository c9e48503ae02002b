"""Local clouds that say when they were asked: run as a program, and started from here.

It prints the accounts as one line of JSON, then a line for every launch it received:
`SECONDS CLOUD SHAPE`, seconds since 1970. It ends when its input does.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from providers.catalogue import COLUMNS
from providers.emulators.cloud import Cloud, Launch
from providers.emulators.machines import LocalComputer
from providers.emulators.wire import Wire

REGIONS: Final = {
    "azure": "eastus",
    "aws": "us-east-1",
    "gcp": "us-central1",
    "oracle": "us-phoenix-1",
}
IN_STOCK: Final = 1000
_SHAPES: Final = {"azure": "Standard_B{}", "aws": "b{}.large", "gcp": "b{}", "oracle": "VM.B{}"}


def model(number: int) -> str:
    """A GPU of the benchmark's own: sold by every cloud, in one shape."""
    return f"B{number}"


def shape(cloud: str, number: int) -> str:
    return _SHAPES[cloud].format(number)


def write_catalogue(path: Path, models: int) -> None:
    """Every cloud sells every model; the holder is the dearest."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(models):
            for price, (cloud, region) in enumerate(REGIONS.items()):
                size = (shape(cloud, number), model(number), 1, 16, 8, 64)
                rows.writerow((cloud, region, *size, 9 - price, "bench", "2026-01-01"))


class _Loud(Cloud):
    """Says when it is asked for a machine."""

    def __init__(self, name: str, **setting: Any) -> None:  # noqa: ANN401 - a cloud's own
        super().__init__(**setting)
        self._name = name

    @override
    def launch(self, **order: Any) -> Launch:
        sys.stdout.write(f"{time.time()} {self._name} {order['sku']}\n")
        sys.stdout.flush()
        return super().launch(**order)


def main(holder_stock: int, models: int, computer: LocalComputer | None) -> None:
    with ExitStack() as stack:
        accounts = {}
        for name, region in REGIONS.items():
            units = holder_stock if name == "azure" else IN_STOCK
            places = {(region, shape(name, number)): units for number in range(models)}
            cloud = _Loud(
                name, stock=places, computer=computer, keys_stay=name in {"aws", "oracle"}
            )
            face, account = import_module(f"providers.emulators.{name}").open_account(cloud)
            wire = Wire(face)
            stack.callback(wire.close)
            accounts[name] = {**account, "endpoint": wire.url}
        sys.stdout.write(f"{json.dumps(accounts)}\n")
        sys.stdout.flush()
        sys.stdin.read()


@dataclass(slots=True)
class Asked:
    """The accounts, and when each cloud was asked for a machine."""

    accounts: Path
    launches: list[tuple[float, str]] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    """When a shape was first asked for."""


@contextmanager
def loud_clouds(folder: Path, *, holder_stock: int, models: int, real: bool) -> Iterator[Asked]:
    """The clouds in a process of their own. Unless `real`, their machines run nothing."""
    options = [str(holder_stock), str(models), "real" if real else "empty"]
    host = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.clouds", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert host.stdin is not None
    assert host.stdout is not None
    told = host.stdout
    asked = Asked(folder / "accounts.json")
    asked.accounts.write_text(told.readline(), encoding="utf-8")

    def listen() -> None:
        for line in told:
            at, cloud, sold = line.split()
            asked.launches.append((float(at), cloud))
            asked.first.setdefault(sold, float(at))

    ear = threading.Thread(target=listen, daemon=True)
    ear.start()
    try:
        yield asked
    finally:
        host.stdin.close()
        host.wait()
        ear.join()
        told.close()


if __name__ == "__main__":
    with ExitStack() as machines:
        runs = sys.argv[3] == "real"
        main(
            int(sys.argv[1]),
            int(sys.argv[2]),
            machines.enter_context(LocalComputer()) if runs else None,
        )
