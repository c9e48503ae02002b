"""Store, clock, ids, agreements and rules put together: the only place that owns a clock."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from broker.agreements import registry
from broker.agreements.series import following
from broker.domain.agreement import Agreement
from broker.domain.cool_downs import CoolDowns
from broker.domain.market import Pool
from broker.domain.offer import Desk
from broker.domain.reserved import with_reserved
from broker.domain.values import ProviderName
from broker.domain.workload import Workload
from broker.ports import Clock, Ids, Store, Upcoming, Webhook
from broker.settings import Settings, SettingsError, webhook_key
from broker.steps.record import record_editions, record_prices
from broker.steps.rulebook import Rulebook
from broker.store.event_log import LostRaceError
from broker.store.schema import require_head
from broker.store.sql import SqlStore
from broker.store.turns import kept_secret

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TAIL_BITS: Final = 64
_LENGTH: Final = 24
"""56 bits of microseconds and 64 of chance, by five."""


class SystemClock:
    """The clock of this computer, which may be set; it still never runs backwards here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        with self._lock:
            self._last = max(self._last, datetime.now(UTC))
            return self._last


class TimeOrderedIds:
    """`job_0d3k…`: microseconds, then chance; within a process each id sorts after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last, self._process = 0, 0

    def new(self, prefix: str) -> str:
        with self._lock:
            fresh = (time.time_ns() // 1000) << _TAIL_BITS | secrets.randbits(_TAIL_BITS - 1)
            if os.getpid() != self._process:  # a fork must not go on counting where its parent was
                self._last, self._process = 0, os.getpid()
            self._last = max(fresh, self._last + 1)
            return f"{prefix}_{_in_base32(self._last)}"


def _in_base32(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What a process of the broker stands on."""

    settings: Settings
    clock: Clock
    ids: Ids
    store: SqlStore
    rules: Rulebook
    secret: bytes
    """What the tokens of agents are made with."""


def open_store(
    url: str,
    clock: Clock | None = None,
    ids: Ids | None = None,
    woken: Callable[[Upcoming], object] | None = None,
) -> SqlStore:
    """The store of a database URL. Raises SettingsError for one that is no database of ours."""
    if "://" not in url:
        raise SettingsError(f"database_url: {url!r} is no URL; write sqlite:///path/to/broker.db")
    try:
        return SqlStore(url, clock or SystemClock(), ids or TimeOrderedIds(), woken=woken)
    except (ValueError, ImportError) as wrong:
        raise SettingsError(f"database_url: {wrong}") from None


@contextmanager
def wired(
    settings: Settings,
    pools: tuple[Pool, ...],
    *,
    start_up: Callable[[str, bytes], str] | None = None,
    woken: Callable[[Upcoming], object] | None = None,
) -> Iterator[Wiring]:
    """Everything put together, and closed afterwards. Raises SettingsError or WrongRevision.

    `start_up` makes a machine's start-up script from its name and the secret; a process that buys
    nothing needs none. `woken` is called after commits of this process, as `SqlStore` says.
    """
    clock, ids = SystemClock(), TimeOrderedIds()
    agreements = known_agreements(settings, clock.now())
    store = open_store(settings.database, clock, ids, woken)
    try:
        require_head(store.engine)
        put_on_record(store, agreements.values(), pools)
        secret = agent_secret(store)
        script = (lambda name: start_up(name, secret)) if start_up else str
        rules = rulebook(settings, agreements, pools, script)
        with store.transaction() as tx:
            for register in tx.registers(agreements).values():
                rules.adopt(register)
        yield Wiring(
            settings=settings,
            clock=clock,
            ids=ids,
            store=store,
            rules=rules,
            secret=secret,
        )
    finally:
        store.close()


def known_agreements(settings: Settings, now: datetime) -> Mapping[str, Agreement]:
    """The agreements that ship, with those of one's own before them. Raises SettingsError."""
    known = dict(registry.shipped())
    if settings.agreements_dir is not None:
        try:
            known |= registry.load(settings.agreements_dir, now)
        except ValueError as wrong:
            raise SettingsError(f"agreements_dir: {wrong}") from None
    named = {f"desk_webhook.{name}": name for name in settings.desk_webhook}
    named |= {"default_agreement": settings.default_agreement} | {
        f"agreement_by_tenant.{tenant}": name
        for tenant, name in settings.agreement_by_tenant.items()
    }
    for key, name in named.items():
        try:
            registry.named(known, name)
        except ValueError as wrong:
            raise SettingsError(f"{key}: {wrong}") from None
    return known


def rulebook(
    settings: Settings,
    agreements: Mapping[str, Agreement],
    pools: tuple[Pool, ...],
    start_up: Callable[[str], str] = str,
) -> Rulebook:
    return Rulebook(
        agreements=agreements,
        default_agreement=settings.default_agreement,
        by_tenant=settings.agreement_by_tenant,
        pools=pools,
        owner=settings.owner,
        vantage=settings.vantage,
        desk_for=desk_of(settings),
        follow=following,
        webhooks={
            name: Webhook(url=to.url, secret=webhook_key(to.secret.get_secret_value()))
            for name, to in settings.desk_webhook.items()
        },
        via_pools=settings.via_pools,
        cool_downs=CoolDowns(settings.cool_downs, settings.cool_downs_by_cloud),
        caps=settings.caps.caps(),
        orphan_grace=timedelta(seconds=settings.orphan_grace_s),
        start_up=start_up,
    )


def desk_of(settings: Settings) -> Callable[[Workload], Desk]:
    """Who answers for a workload, by its tenant, else by its class, else as for all."""

    def desk_for(work: Workload) -> Desk:
        by_class = settings.desk_by_class.get(work.work_class, settings.desk)
        return Desk(settings.desk_by_tenant.get(work.tenant, by_class).value)

    return desk_for


def put_on_record(store: Store, agreements: Iterable[Agreement], pools: tuple[Pool, ...]) -> None:
    """Write the editions and the price list into the log, whoever comes first."""
    try:
        record_editions(store, agreements)
        record_prices(store, pools)
    except LostRaceError:
        put_on_record(store, agreements, pools)


def agent_secret(store: SqlStore) -> bytes:
    """The secret kept in the database, made by whoever comes first."""
    return bytes.fromhex(kept_secret(store, "agent", secrets.token_hex(32)))


def catalogue(settings: Settings) -> tuple[Pool, ...]:
    """The pools of the clouds that are set up: what a catalogue lists, and what is reserved.

    The catalogue lies above this package, so it is found by the name it is installed under.
    Raises SettingsError.
    """
    accounts = settings.accounts
    try:
        return with_reserved(pools_for(accounts, settings.catalogue), accounts)
    except ValueError as wrong:
        raise SettingsError(str(wrong)) from None


def pools_for(providers: Iterable[ProviderName], own: Path | None = None) -> tuple[Pool, ...]:
    found = next(iter(entry_points(group="broker.catalogue", name="pools")), None)
    if found is None:
        raise SettingsError("no catalogue of machines is installed; install capacity-broker again")
    try:
        pools: tuple[Pool, ...] = found.load()(providers, own)
    except (OSError, ValueError) as wrong:
        raise SettingsError(f"catalogue: {wrong}") from None
    return pools
