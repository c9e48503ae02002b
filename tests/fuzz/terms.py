"""What moves under an open offer: the quote it was frozen on, and the edition it was put under."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any, Final

from broker.agreements.errors import AgreementError
from broker.domain.agreement import Edition, Status
from broker.domain.values import JobId
from broker.steps.new_edition import record_edition
from broker.steps.withdraw_quote import withdraw_quote
from tests.fuzz.actions import Action
from tests.fuzz.agreements import HOUSE, KEPT, MILD, QUOTED
from tests.fuzz.parties import GRANTOR, HOLDER, holders_secret
from tests.fuzz.world import World

_AGREEMENTS: Final = (HOUSE, HOUSE, MILD, QUOTED, KEPT)
_BEGINS_S: Final = (-600, -61, -1, 0, 20, 60, 300)
_OPEN_OFFERS: Final = ("run_off", "withdraw", "reissue")


def quote_withdrawn(world: World, action: Action) -> None:
    quotes = [f.data for f in world.facts() if f.type == "QuoteReceived"]
    if not quotes:
        return
    among = quotes if action.a % 4 == 0 else quotes[-3:]
    told = among[action.a // 4 % len(among)]
    world.say(f"{told['provider']} takes {told['quote']} back.")
    ended = withdraw_quote(JobId(told["job"]), told["quote"], "sold out", world.store)
    for one in ended:
        world.happened[f"quotes taken back: {one.became.value}"] += 1
    world.say(f"{', '.join(f'{one.offer} {one.became}' for one in ended) or 'Nothing'} with it.")


def another_edition(world: World, action: Action) -> None:
    """The last one again, with something changed, from before now or after; or one with a flaw."""
    agreement = _AGREEMENTS[action.a % len(_AGREEMENTS)]
    last = last_edition(world, agreement)
    said = deepcopy(dict(last.document))
    begins = world.clock.at + timedelta(seconds=_BEGINS_S[action.b % len(_BEGINS_S)])
    said["edition"] = f"later-{len(world.facts())}"
    said["status"], said["supersedes"] = "in_force", last.id
    said["effective"] = {"from": f"{begins:%Y-%m-%dT%H:%M:%SZ}", "to": None}
    said["transition"] = {
        **said["transition"],
        "open_offers": _OPEN_OFFERS[action.c % len(_OPEN_OFFERS)],
    }
    _CHANGES[action.c // 4 % len(_CHANGES)](said)
    by = HOLDER if action.c % 2 else GRANTOR
    secret = holders_secret(world, action) if by == HOLDER else None
    world.say(f"{by} puts {said['edition']} of {agreement} on record, from {begins:%H:%M:%S}.")
    try:
        told = record_edition(agreement, said, by, world.store, world.rules, secret)
    except AgreementError as wrong:
        world.happened["editions with a flaw"] += 1
        world.say(f"It has a flaw: {wrong}.")
        return
    kind = (
        "editions refused" if told.refused else "late editions" if action.b % 7 < 3 else "editions"
    )
    world.happened[kind] += 1
    world.say(f"It is refused: {told.refused}." if told.refused else "It stands.")


def last_edition(world: World, agreement: str) -> Edition:
    """The edition that is the last to begin, as far as anybody has read."""
    rules = world.rules
    with world.quietly() as store, store.transaction() as tx:
        rules.adopt(tx.registers([agreement])[agreement])
    known = rules.agreement(agreement)
    assert known is not None
    return [one for one in known.editions if one.status is not Status.DRAFT][-1]


def _right(said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(c["rofr"] for c in said["clauses"] if "rofr" in c)
    return found


def _as_it_was(_: dict[str, Any]) -> None: ...


def _other_windows(said: dict[str, Any]) -> None:
    window = _right(said)["window"]
    window["default"] = "PT3M" if window["default"] == "PT2M" else "PT2M"
    window["by_class"] = {}


def _other_tail(said: dict[str, Any]) -> None:
    after = _right(said)["after_refusal"]
    after["tail"] = "PT7M" if after["tail"] != "PT7M" else "PT12M"


def _evaluation_is_free(said: dict[str, Any]) -> None:
    if all(clause["id"] != "evaluation-anywhere" for clause in said["clauses"]):
        free = {
            "id": "evaluation-anywhere",
            "effect": "permit",
            "carves_out": ["compute-rofr"],
            "match": {"class": ["evaluation"]},
            "standing": "assumed",
            "assumed": True,
        }
        said["clauses"] = [*said["clauses"], free]


def _supersedes_nothing(said: dict[str, Any]) -> None:
    said["supersedes"] = None


def _leaves_a_gap(said: dict[str, Any]) -> None:
    said["supersedes"] = "one that never was"


_CHANGES: Final[tuple[Callable[[dict[str, Any]], None], ...]] = (
    _as_it_was,
    _other_windows,
    _other_windows,
    _other_tail,
    _evaluation_is_free,
    _supersedes_nothing,
    _leaves_a_gap,
)
