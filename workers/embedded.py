"""The whole broker in one process: four local clouds, SQLite, Celery's threads, the relay, HTTP.

Everything is local and simulated. Nothing is left behind: no thread, no process, no directory
that was not asked for.
"""

from __future__ import annotations

import atexit
import csv
import fcntl
import logging
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from celery import Celery
from kombu import Queue

from broker.api.app import create_app
from broker.api.serving import listen, serving
from broker.domain.market import Pool
from broker.domain.values import ProviderName
from broker.serve import context
from broker.settings import Settings, SettingsError, sqlite_url
from broker.steps.beat import Part, beating
from broker.store.schema import current
from broker.store.sql import SqlStore
from broker.wiring import Wiring, catalogue, open_store, wired
from providers.catalogue import pools
from providers.emulators.host import LocalClouds
from workers.app import IN_PROCESS, make_app, queues
from workers.buying import FULL_POOLS, Buyers
from workers.commits import Commits
from workers.lifecycle import Unopened, opening, scouts, start_up, unopened
from workers.reactions import Nudge, Task
from workers.relay import Relay, usual_rounds
from workers.tasks import Office, poster, publisher, register
from workers.threads import WorkerThread

HOST: Final = "127.0.0.1"
IN_STOCK: Final = 1000
"""How many machines of each kind the local clouds have where no capacity is given."""
LOOKS_EVERY_S: Final = 0.5
"""How often the relay looks although nobody in this process has committed."""
_DECIDING: Final = 2
_BUYING: Final = 4
_ENGINES: Final = frozenset({"celery", "kombu", "amqp", FULL_POOLS})

Wrapped = Callable[[Callable[[Nudge], None]], Callable[[Nudge], None]]


class Engine:
    """A running broker. `close`, or the end of its `with` block, ends all of it."""

    def __init__(
        self, wiring: Wiring, url: str, stack: ExitStack, clouds: LocalClouds | None
    ) -> None:
        self.wiring, self.url, self.clouds = wiring, url, clouds
        token = wiring.settings.token
        self.token = token.get_secret_value() if token is not None else None
        self._stack = stack
        self._closing = threading.Lock()
        atexit.register(self.close)

    @property
    def store(self) -> SqlStore:
        return self.wiring.store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything, once; a second call waits for the first."""
        with self._closing:
            atexit.unregister(self.close)
            self._stack.close()


def start(  # noqa: PLR0913 - the whole setting of an engine, all by keyword
    *,
    data_dir: Path | None = None,
    port: int = 0,
    agreement: str | None = None,
    capacity: Path | None = None,
    clouds: bool = True,
    cloud_options: Iterable[str] = (),
    sweep_every_s: float | None = None,
    reconcile_every_s: float | None = None,
    wrapped: Wrapped | None = None,
    warm: bool = False,
    **more: object,
) -> Engine:
    """Start everything on this computer; it serves when this returns.

    Without `data_dir` the database lies in a directory that goes with the engine. `capacity` is a
    capacity file, and then nothing else is in stock; `cloud_options` are further options of the
    local clouds. Without `clouds` the accounts are those of the settings. `wrapped` may stand in
    the way of nudges; `warm` opens the holder's cloud, which is asked first, without waiting for
    an order; `more` are settings. Raises SettingsError, PortTakenError, RuntimeError.
    """
    if capacity is not None and not capacity.is_file():
        raise SettingsError(f"capacity: there is no file {capacity}; check its name")
    with ExitStack() as stack:
        listener = stack.enter_context(listen(HOST, port))
        port = listener.getsockname()[1]
        if data_dir is None:
            data_dir = Path(stack.enter_context(_temporary()))
        stack.enter_context(_alone(data_dir))
        sold = pools(tuple(ProviderName))
        accounts, local = None, None
        if clouds:
            options = stack.enter_context(_stocked(sold, capacity))
            kept = ("--checkpoints", str(data_dir / "checkpoints"))
            local = LocalClouds(*options, *kept, *cloud_options)
            accounts = local.start()
            stack.callback(local.stop)
        settings = Settings.read(
            database_url=sqlite_url(data_dir),
            host=HOST,
            port=port,
            public_url=f"http://{HOST}:{port}",
            default_agreement=agreement,
            clouds=accounts,
            queue_url=IN_PROCESS,
            queue_prefix=f"{secrets.token_hex(4)}.",
            sweep_every_s=sweep_every_s,
            reconcile_every_s=reconcile_every_s,
            **more,
        )
        own = catalogue(settings)
        commits = Commits()
        _migrate(settings)
        wiring = stack.enter_context(
            wired(settings, own, start_up=start_up(settings.address), woken=commits.tell)
        )
        stack.enter_context(beating(wiring.store, Part.TICKER))
        app = create_app(context(wiring, settings.address))
        providers = unopened(settings.accounts)
        stack.enter_context(_at_work(wiring, providers, commits, app.state.pulse.nudge, wrapped))
        if warm:
            first = wiring.rules.edition(settings.default_agreement, wiring.clock.now())
            holder = first.holder_pools if first is not None else ()
            stack.enter_context(opening(c for name, c in providers.items() if name in holder))
        stack.enter_context(serving(app, listener))
        return Engine(wiring, settings.address, stack.pop_all(), local)
    raise AssertionError  # an ExitStack swallows nothing here


@contextmanager
def _temporary() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="broker-", ignore_cleanup_errors=True) as folder:
        yield folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two engines on one database would each miss the machines of the other's clouds."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"data_dir: a broker works on {folder} already; stop it, or choose another folder "
                "with --data-dir"
            ) from None
        yield


def _migrate(settings: Settings) -> None:
    """Make the tables where there are none; those of an earlier broker are its owner's to move."""
    store = open_store(settings.database)
    try:
        if current(store.engine) is None:
            store.migrate()
    finally:
        store.close()


@contextmanager
def _stocked(sold: Iterable[Pool], capacity: Path | None) -> Iterator[tuple[str, ...]]:
    """The options that stock the local clouds; the file is read before the block ends."""
    if capacity is not None:
        yield ("--capacity", str(capacity.resolve()))
        return
    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        path = Path(folder) / "pools.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("provider", "region", "sku", "purchase", "max_units"))
            rows.writerows((*pool.place, IN_STOCK) for pool in sold)
        yield ("--pools", str(path))


def shares(prefix: str) -> tuple[list[str], list[str]]:
    """The queues of those who decide, and of those who talk to clouds and desks."""
    named = [f"{prefix}{name}" for name in queues()]
    talks = (Task.PROVISION.value, Task.ANNOUNCE.value)
    buying = [name for name in named if any(word in name for word in talks)]
    return [name for name in named if name not in buying], buying


def _forget_queues(app: Celery, names: Iterable[str]) -> None:
    """The memory transport keeps its queues for the life of the process, unless told."""
    with app.connection_for_write() as connection:
        channel = connection.channel()
        for name in names:
            Queue(name, channel=channel).delete()
    app.close()


@contextmanager
def _at_work(
    wiring: Wiring,
    clouds: Mapping[ProviderName, Unopened],
    commits: Commits,
    sealed: Callable[[], object],
    wrapped: Wrapped | None,
) -> Iterator[None]:
    """The queue with its workers, and the relay that feeds it."""
    settings, accounts = wiring.settings, wiring.settings.accounts
    for name in _ENGINES:
        logging.getLogger(name).setLevel(logging.ERROR)
    prefix = settings.queue_prefix
    app = make_app(settings.queue_url, prefix)
    publish = publisher(app, prefix)

    def untouched(name: ProviderName) -> bool:
        """The local clouds are as young as this process: what we own there, we bought in it."""
        if clouds[name].opened:
            return False
        with wiring.store.transaction() as tx:
            return not tx.machines(provider=name)

    buyers = Buyers(clouds, wiring.store, wiring.rules)
    office = Office(
        store=wiring.store,
        rules=wiring.rules,
        providers=clouds,
        buyers=buyers,
        scouts=scouts(accounts),
        untouched=untouched,
        post=poster(settings),
    )
    deciding, buying = shares(prefix)

    def crew(name: str, named: list[str], threads: int) -> WorkerThread:
        # An app of its own: which queues a worker consumes is kept in its app.
        own = make_app(settings.queue_url, prefix)
        register(own, lambda: office, publish)
        return WorkerThread(own, name, named, threads)

    crews = crew("deciding", deciding, _DECIDING), crew("buying", buying, _BUYING)
    relay = Relay(
        store=wiring.store,
        rules=wiring.rules,
        providers=tuple(accounts),
        publish=wrapped(publish) if wrapped else publish,
        clock=wiring.clock,
        seconds=time.monotonic,
        rounds=usual_rounds(accounts, settings.sweep_every_s, settings.reconcile_every_s),
        sealed=sealed,
        told=True,
    )
    with ExitStack() as stack:
        stack.callback(_forget_queues, app, (*deciding, *buying))
        stack.enter_context(buyers)
        for worker in crews:
            worker.start()
            stack.callback(worker.stop)
        thread = threading.Thread(
            target=relay.run,
            args=(commits.wait, commits.over.is_set, LOOKS_EVERY_S),
            name="relay",
            daemon=True,
        )
        commits.hear = relay.hear
        thread.start()
        try:
            yield
        finally:
            commits.over.set()
            commits.woken.set()
            thread.join()
