"""The commands that need the workers: joined to the command line by entry point."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Final, NoReturn

import typer

from broker.cli.options import Json
from broker.cli.shell import out_json
from broker.client.where import UP
from broker.settings import Settings, SettingsError

HERE: Final = Path(".broker")
"""Where `broker up` keeps its database."""
_USAGE: Final = 2
_POOLS: Final = ("prefork", "threads", "solo")


def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to serve on; 0 takes a free one.")
    ] = 8080,
    agreement: Annotated[str | None, typer.Option(help="The agreement of every tenant.")] = None,
    capacity: Annotated[
        Path | None, typer.Option(help="What the local clouds have in stock, over time.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where the database lies.")] = HERE,
    json: Json = False,
) -> None:
    """Run the whole broker in this process, with four local clouds, until Ctrl-C."""
    from workers.embedded import start

    with _sentences():
        engine = start(
            data_dir=data_dir, port=port, agreement=agreement, capacity=capacity, warm=True
        )
    with engine, announced(UP, engine.url):
        clouds = " ".join(engine.wiring.settings.accounts)
        if json:
            out_json("server", {"url": engine.url})
        for line in (
            f"database SQLite in {data_dir}   queue embedded   clouds {clouds} (local)",
            f"broker {engine.url}   API docs {engine.url}/docs",
            "everything is local and simulated; spend 0.00 real   (Ctrl-C stops)",
        ):
            typer.echo(line, err=json)
        _until_told()
    typer.echo("stopped", err=True)


def demo(
    seconds: Annotated[
        float, typer.Option(min=1, envvar="DEMO_SECONDS", help="How long new work comes in.")
    ] = 60,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port to serve on; 8080 if it is free, else any."),
    ] = None,
    json: Json = False,
) -> None:
    """Play about a minute of work on four local clouds, and prove what was done."""
    from workers.demo import demo as play
    from workers.demo.figures import Figures, plain

    def told(figures: Figures) -> None:
        out_json("demo", plain(figures))

    with _sentences():
        code = play(seconds, port=port, told=told if json else None)
    sys.exit(code)


def worker(
    queues: Annotated[
        str, typer.Option(help="Which queues, separated by commas; all unless said.")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="How many tasks at once.")] = 2,
    pool: Annotated[str, typer.Option(help="prefork, threads or solo")] = "prefork",
    json: Json = False,
) -> None:
    """Work off the queue until SIGTERM; what has begun is finished."""
    from workers.app import queues as all_queues
    from workers.crew import work

    names = tuple(name.strip() for name in queues.split(",") if name.strip()) or all_queues()
    for name in names:
        if name not in all_queues():
            _refuse(f"--queues: there is no queue {name!r}; known are {', '.join(all_queues())}")
    if pool not in _POOLS:
        _refuse(f"--pool: {pool!r} is none of {', '.join(_POOLS)}")
    _quiet()

    def begun() -> None:
        if json:
            out_json("worker", {"queues": names, "concurrency": concurrency, "pool": pool})

    with _sentences():
        code = work(Settings.read(), names, concurrency, pool, begun)
    sys.exit(code)


def ticker(json: Json = False) -> None:
    """Seal the log, follow it with nudges and watch the timers, until SIGTERM."""
    from broker.wiring import catalogue, wired
    from workers.ticker import tick

    _quiet()
    over = threading.Event()
    _on_signals(over.set)
    with ExitStack() as stack:
        with _sentences():
            settings = Settings.read()
            wiring = stack.enter_context(wired(settings, catalogue(settings)))
        if json:
            out_json("ticker", {"ready": True})
        typer.echo("ticker ready", err=True)
        tick(wiring, over)


@contextmanager
def _sentences() -> Iterator[None]:
    """A fault of the surroundings is one sentence and exit code 2."""
    from broker.api.serving import PortTakenError
    from broker.store.schema import WrongRevision

    try:
        yield
    except (SettingsError, WrongRevision, PortTakenError, RuntimeError) as fault:
        _refuse(str(fault))


def _refuse(sentence: str) -> NoReturn:
    typer.echo(f"broker: {sentence}", err=True)
    sys.exit(_USAGE)


@contextmanager
def announced(path: Path, url: str) -> Iterator[None]:
    """Keep the address in a file, locked: what is left of a broker that died names no broker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{url}\n")
        file.flush()
        Path(file.name).replace(path)
        try:
            yield
        finally:
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                path.unlink(missing_ok=True)


def _until_told() -> None:
    over = threading.Event()
    _on_signals(over.set)
    over.wait()


def _on_signals(told: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told())


def _quiet() -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
