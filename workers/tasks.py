"""The tasks: unpack, call one step, return nothing. The row is the truth, so they take no more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from broker.domain.market import PoolKind
from broker.domain.notice import Notice
from broker.domain.values import ProviderName
from broker.ports import Post, Posted, Provider, Scout, Store, Untold, Webhook
from broker.settings import Settings
from broker.steps.announce import announce
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.reconcile import reconcile
from broker.steps.rulebook import Rulebook
from broker.steps.scout import look_into
from broker.steps.shares import Shares
from broker.steps.sweep import sweep
from broker.steps.withdraw_quote import withdraw_refused
from broker.store.event_log import LostRaceError
from workers.buying import Buyers
from workers.reactions import Nudge, Task

if TYPE_CHECKING:
    from celery import Celery

_LOG: Final = logging.getLogger(__name__)
_ROUND: Final = 200
_NOTICES: Final = 4
"""How many notices one task puts to webhooks, one after another."""


def _none(_: ProviderName) -> bool:
    return False


def _unsent(webhook: Webhook, notice: Notice, now: datetime) -> Posted:
    del webhook, notice, now
    return Untold("this process sends no notices")


def poster(settings: Settings) -> Post:
    """What posts notices; its HTTP client is imported when the first is due."""

    def post(webhook: Webhook, notice: Notice, now: datetime) -> Posted:
        from workers.webhooks import Poster  # noqa: PLC0415 - most desks have no webhook

        return Poster(settings.network_witness)(webhook, notice, now)

    return post


@dataclass(frozen=True, kw_only=True)
class Office:
    """What the tasks of one process work with."""

    store: Store
    rules: Rulebook
    providers: Mapping[ProviderName, Provider]
    buyers: Buyers
    """Who asks the clouds for machines; a task only rings for them."""
    post: Post = _unsent
    """Puts notices to webhooks."""
    shares: Shares = field(default_factory=Shares)
    scouts: Mapping[ProviderName, Scout] = field(default_factory=dict)
    """What reads what the clouds say of their places, where they say anything."""
    untouched: Callable[[ProviderName], bool] = _none
    """Whether a cloud can hold nothing of ours, so that there is nothing to compare.

    Nor is it looked into: its SDK is not imported for advice alone.
    """


def register(app: Celery, office: Callable[[], Office], publish: Callable[[Nudge], None]) -> None:
    """Give the app its tasks. `office` is asked for when a task runs: after a fork, not before."""

    def again(nudge: Nudge, found: int, limit: int) -> None:
        if found >= limit:
            publish(nudge)

    def place() -> None:
        here = office()
        again(Nudge(Task.PLACE), place_round(here.store, here.rules, _ROUND), _ROUND)

    def offers() -> None:
        here = office()
        again(Nudge(Task.OFFERS), put_offers(here.store, here.rules, _ROUND), _ROUND)

    def tell() -> None:
        here = office()
        again(Nudge(Task.ANNOUNCE), announce(here.store, here.rules, here.post, _NOTICES), _NOTICES)

    def clear() -> None:
        here = office()
        again(Nudge(Task.SWEEP), _clear(here), _ROUND)

    bodies: Mapping[Task, Callable[..., None]] = {
        Task.PLACE: place,
        Task.OFFERS: offers,
        Task.ANNOUNCE: tell,
        Task.SWEEP: clear,
        Task.PROVISION: lambda name: office().buyers.ring(ProviderName(name)),
        Task.RECONCILE: lambda name: _compare(ProviderName(name), office()),
        Task.SCOUT: lambda name: _look_into(ProviderName(name), office()),
    }
    for task, body in bodies.items():
        app.task(name=task.value, lazy=False, shared=False)(_a_race_may_be_lost(body))


def _clear(here: Office) -> int:
    cleared = sweep(here.store, _ROUND)
    withdraw_refused(here.store, here.rules)
    if any(pool.kind is PoolKind.OWN_BUILT for pool in here.rules.pools):
        here.shares.report(here.store)
    return cleared


def _compare(cloud: ProviderName, here: Office) -> None:
    if cloud not in here.providers or here.untouched(cloud):
        return
    try:
        reconcile(cloud, here.providers[cloud], here.store, here.rules)
    except ConnectionError as away:
        _LOG.warning("%s does not say what it runs for us: %s", cloud, away)


def _look_into(cloud: ProviderName, here: Office) -> None:
    if cloud in here.scouts and not here.untouched(cloud):
        look_into(cloud, here.scouts[cloud], here.store, here.rules)


def _a_race_may_be_lost(body: Callable[..., None]) -> Callable[..., None]:
    """The loser of a guarded write does nothing; what is still due is nudged for again."""

    def run(*arguments: str) -> None:
        try:
            body(*arguments)
        except LostRaceError as lost:
            _LOG.info("%s", lost)

    return run


def publisher(app: Celery, prefix: str = "") -> Callable[[Nudge], None]:
    """Puts nudges on the queue. Raises what kombu raises where the queue's server is away."""

    def publish(nudge: Nudge) -> None:
        arguments = (nudge.provider.value,) if nudge.provider is not None else ()
        app.send_task(nudge.task.value, arguments, queue=f"{prefix}{nudge.queue}")

    return publish
