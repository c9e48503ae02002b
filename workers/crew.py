"""A worker as a process: Celery's own, with its signals, on the queues it is told."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

from celery.exceptions import SecurityWarning
from celery.signals import worker_process_shutdown, worker_shutting_down

from broker.settings import Settings
from broker.store.schema import require_head
from broker.wiring import Wiring, catalogue, open_store, wired
from workers.app import make_app
from workers.buying import FULL_POOLS, Buyers
from workers.lifecycle import PerProcess, scouts, start_up, unopened
from workers.tasks import Office, poster, publisher, register

_LOOKS_EVERY_S: Final = 0.5


def work(
    settings: Settings,
    queues: Sequence[str],
    concurrency: int,
    pool: str,
    begun: Callable[[], object] | None = None,
) -> int:
    """Work until SIGTERM or Ctrl-C; returns the exit code. Raises SettingsError or WrongRevision.

    What a task needs is made in the process that runs it, after the fork. `begun` is called once
    nothing stands in the way of the work.
    """
    _check(settings)
    logging.getLogger(FULL_POOLS).setLevel(logging.ERROR)
    # Who runs the broker is its operator's choice; messages are JSON, so nothing is unpickled.
    warnings.simplefilter("ignore", SecurityWarning)
    prefix = settings.queue_prefix
    app = make_app(settings.queue_url, prefix)
    office = PerProcess(lambda: _office(settings))
    register(app, office, publisher(app, prefix))
    worker = app.Worker(
        queues=[f"{prefix}{name}" for name in queues],
        concurrency=concurrency,
        pool=pool,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    timer: Any = worker.timer
    timer.call_repeatedly(_LOOKS_EVERY_S, _nothing)
    told: list[str] = []

    def note(how: str, **_: object) -> None:
        told.append(how)

    def end(**_: object) -> None:
        if office.made is not None:
            office.made.buyers.close()

    worker_shutting_down.connect(note)
    worker_process_shutdown.connect(end)  # in every process that was forked
    if begun is not None:
        begun()
    worker.start()
    end()
    # Celery calls Ctrl-C a failure, although what has begun is finished all the same.
    return 0 if told == ["Warm"] else int(worker.exitcode or 0)


def _nothing() -> None:
    """Without a timer an idle worker sleeps up to ten seconds before it sees a signal."""


def _check(settings: Settings) -> None:
    catalogue(settings)
    store = open_store(settings.database)
    try:
        require_head(store.engine)
    finally:
        store.close()


def _office(settings: Settings) -> Office:
    # Left open for the life of the process: its end closes it.
    wiring: Wiring = wired(
        settings, catalogue(settings), start_up=start_up(settings.address)
    ).__enter__()
    clouds = unopened(settings.accounts)
    return Office(
        store=wiring.store,
        rules=wiring.rules,
        providers=clouds,
        buyers=Buyers(clouds, wiring.store, wiring.rules),
        scouts=scouts(settings.accounts),
        post=poster(settings),
    )
