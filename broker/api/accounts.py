"""Accounts: a scorecard for every party, and the meters and shares of an agreement.

They are kept in this process and follow the log by position, so that a request reads what is new.
The first ones after a start read the whole log, a piece a request, and say `complete: false`.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.api.context import ApiContext, Here
from broker.api.errors import DeclinedError, unknown
from broker.api.queries import ScorecardQuery
from broker.domain.accounts.meters import Meters
from broker.domain.accounts.scorecards import Scorecards
from broker.domain.values import instant_text
from broker.steps.ledger import Ledger, begins
from broker.steps.rulebook import Rulebook

router = APIRouter(prefix="/v1", tags=["accounts"])

MOST_SINCE: Final = 300_000
"""The most facts that are read for one request about a time of its own."""


class Accounts:
    """What this process has added up of the log so far."""

    def __init__(self, rules: Rulebook) -> None:
        self.cards = Scorecards(holders=_holders(rules))
        self.meters = Meters()
        self.ledger = Ledger(self.cards.read, self.meters.read)


async def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.accounts
    return accounts


AccountsHere: TypeAlias = Annotated[Accounts, Depends(_accounts)]


@router.get("/scorecards")
def scorecards(
    query: Annotated[ScorecardQuery, Query()], here: Here, accounts: AccountsHere
) -> Response:
    """What each party was asked, what it answered, and what it delivered when."""
    if query.since is None:
        complete = accounts.ledger.catch_up(here.store)
        with accounts.ledger.lock:
            said = accounts.cards.figures()
            return _reply("scorecards", accounts.ledger, complete, since=None, parties=said)
    since = _now(here) - query.since
    cards = Scorecards(since, _holders(here.rules))
    ledger = Ledger(cards.read, after=begins(here.store, since))
    if not ledger.catch_up(here.store, MOST_SINCE):
        raise DeclinedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "too_long",
            f"since: more than {MOST_SINCE} facts are newer; ask for a shorter time, or for all",
            field="since",
        )
    return _reply(
        "scorecards", ledger, complete=True, since=instant_text(since), parties=cards.figures()
    )


@router.get("/agreements/{agreement}/meters")
def meters(agreement: str, here: Here, accounts: AccountsHere) -> Response:
    """How far each commitment is drawn down, and what own-built capacity was used for."""
    complete = accounts.ledger.catch_up(here.store)
    with accounts.ledger.lock:
        found = accounts.meters.meters(agreement)
        shares = [share.figures() for share in accounts.meters.shares(_now(here), agreement)]
        if complete and not found and agreement not in here.rules.agreements:
            raise unknown("agreement", agreement)
        said: dict[str, Any] = {"agreement": agreement, "meters": found, "shares": shares}
        return _reply("meters", accounts.ledger, complete, **said)


def _reply(noun: str, ledger: Ledger, complete: bool, **said: object) -> Response:  # noqa: FBT001
    begun = {"schema": f"broker.{noun}/v1", "position": ledger.position, "complete": complete}
    return JSONResponse({**begun, **said})


def _now(here: ApiContext) -> datetime:
    with here.store.transaction() as tx:
        return tx.now


def _holders(rules: Rulebook) -> dict[str, str]:
    """Whose offers an agreement's are: the first provider of its last edition's holder."""
    return {
        name: agreement.editions[-1].holder_pools[0]
        for name, agreement in rules.agreements.items()
        if agreement.editions and agreement.editions[-1].holder_pools
    }
