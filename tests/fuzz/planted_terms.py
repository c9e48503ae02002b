"""Faults planted in quotes, in editions recorded at run time, in webhooks and in signed links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from broker.agreements import series
from broker.domain import key, placement, taking_back
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.events import OfferWithdrawn, QuoteReceived, QuoteWithdrawn
from broker.domain.key import Authority, Key
from broker.domain.offer import Offer, OfferKind, OfferState
from broker.domain.offering import _let_go, deliver
from broker.domain.release import Basis, Release
from broker.steps import announce, new_edition, place
from broker.steps.rulebook import Rulebook
from tests.fuzz import directed_terms as directed
from tests.fuzz.planted import Plant, also, instead, told_as, wrapped
from tests.fuzz.world import World

_HOUR: Final = timedelta(hours=1)


def _quote_forgotten(self: Release, now: datetime) -> str | None:
    """It is over with its tail, and when its refusal is stale."""
    if now >= self.tail_until:
        return "tail"
    return "stale" if self.stale_at is not None and now >= self.stale_at else None


def _without_quote(self: Release) -> datetime:
    return min(at for at in (self.tail_until, self.stale_at) if at is not None)


def _for_a_moment(quote: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, decision: Any, mechanics: Any, rules: Any) -> object:  # noqa: ANN401
        short = altered(mechanics, deemed_after_s=-900, window_s=1)
        return quote(case, decision, short, rules)

    return bent


def _undoes_an_acceptance(end: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, offer: Offer, quote: str, why: str) -> object:
        if offer.state is not OfferState.ACCEPTED:
            return end(case, offer, quote, why)
        case.tell(QuoteWithdrawn(quote=quote, job=case.job.id, offer=offer.id, why=why))
        case.tell(OfferWithdrawn(offer=offer.id, why="quote withdrawn"))
        return taking_back.Became.WITHDRAWN

    return bent


def _releases_too(end: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, offer: Offer, quote: str, why: str) -> object:
        became = end(case, offer, quote, why)
        if became is taking_back.Became.WITHDRAWN:
            _let_go(case, replace(offer, kind=OfferKind.RIGHT), offer.units, Basis.REFUSAL)
        return became

    return bent


def _deemed_at_once(attempt: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, offer: Offer, *said: Any) -> Offer:  # noqa: ANN401
        return deliver(case, attempt(case, offer, *said), "deemed")

    return bent


def _of_other_bytes(attempt: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, offer: Offer, _: str, because: str) -> object:
        return attempt(case, offer, "0" * 64, because)

    return bent


def _whatever_was_shown(authority: Callable[..., Any]) -> Callable[..., Any]:
    def bent(*asked: Any, **needed: bool) -> Authority:  # noqa: ANN401
        found: Authority = authority(*asked, **needed)
        return Authority() if found.missing else found

    return bent


def _revoked_or_not(flaw: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *asked: flaw(replace(self, revoked_at=None), *asked)


def _at_any_time(flaw: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *asked: flaw(
        replace(self, valid_until=None, valid_from=self.valid_from - _HOUR), *asked
    )


_Story = Callable[[World], object]
_PLANTS: Final[tuple[tuple[str, str, Any, _Story], ...]] = (
    (
        "bought on a quote that was taken back",
        "I9",
        also(
            instead(taking_back, "expire_release", lambda *_: ()),
            instead(Release, "over", _quote_forgotten),
            instead(Release, "ends_at", _without_quote),
            instead(placement, "refuses", lambda *_: False),
        ),
        directed.a_quote_is_taken_back_after_a_refusal,
    ),
    (
        "bought on a quote that is over",
        "I9",
        also(
            instead(Release, "over", _quote_forgotten),
            instead(Release, "ends_at", _without_quote),
            instead(placement, "refuses", lambda *_: False),
        ),
        directed.a_quote_ends_before_anybody_has_room,
    ),
    (
        "notice frozen on other terms than the quote",
        "I9",
        told_as(QuoteReceived, lambda told: replace(told, terms=told.terms.priced(None))),
        directed.a_quote_is_taken_back_before_an_answer,
    ),
    (
        "notice of a quote that nobody gave",
        "I9",
        told_as(QuoteReceived, lambda _: None),
        directed.a_quote_is_taken_back_before_an_answer,
    ),
    (
        "quote that ends before the window",
        "I9",
        wrapped([(place, "_quote")], _for_a_moment),
        directed.a_quote_is_taken_back_before_an_answer,
    ),
    (
        "acceptance undone with its quote",
        "I6",
        wrapped([(taking_back, "_end")], _undoes_an_acceptance),
        directed.a_quote_is_taken_back_after_an_acceptance,
    ),
    (
        "quote taken back releases",
        "I20",
        wrapped([(taking_back, "_end")], _releases_too),
        directed.a_quote_is_taken_back_before_an_answer,
    ),
    (
        "webhook's silence deemed a receipt at once",
        "I11",
        wrapped([(announce, "attempt")], _deemed_at_once),
        directed.a_webhook_is_down,
    ),
    (
        "other bytes put to a webhook",
        "I10",
        wrapped([(announce, "attempt")], _of_other_bytes),
        directed.a_webhook_is_down,
    ),
    (
        "edition recorded at run time not read",
        "I13",
        instead(Rulebook, "adopt", lambda *_: None),
        directed.an_edition_is_recorded_late,
    ),
    (
        "edition recorded without its lint",
        "I14",
        instead(series, "lint", lambda _: ()),
        directed.an_edition_leaves_another_in_force,
    ),
    (
        "open offer outlives the edition that ends it",
        "I28",
        instead(new_edition, "altered", lambda offer, **_: offer),
        directed.an_edition_ends_open_offers,
    ),
    (
        "link outlives its key",
        "I7",
        wrapped([(Key, "flaw")], _revoked_or_not),
        directed.a_link_is_followed_after_its_key_was_taken_back,
    ),
    (
        "key used after its day",
        "I7",
        wrapped([(Key, "flaw")], _at_any_time),
        directed.a_link_is_followed_after_its_keys_day,
    ),
    (
        "link that stands for no key opens all the same",
        "I7",
        wrapped([(key, "_authority")], _whatever_was_shown),
        directed.a_link_without_a_key_is_followed,
    ),
)
PLANTS: Final = tuple(
    Plant(name=name, law=law, bend=bend, story=story) for name, law, bend, story in _PLANTS
)
