"""The HTTP side of the broker, put together."""

from __future__ import annotations

from fastapi import FastAPI

from broker.api import (
    accounts,
    agent,
    agreements,
    cool_downs,
    desk,
    editions,
    facts,
    fleet,
    jobs,
    keys,
    offers,
    quotes,
    reclaims,
    spend,
    withdrawals,
)
from broker.api.context import ApiContext
from broker.api.door import Door
from broker.api.errors import answer_errors
from broker.api.pulse import Pulse
from broker.api.reference import serve_reference
from broker.wire import Problem


def create_app(context: ApiContext) -> FastAPI:
    """The app. Its `state.pulse` may be nudged whenever facts were sealed.

    The pulse is to be closed when the server stops, so that nobody keeps it waiting;
    `broker.api.serving` does so.
    """
    app = FastAPI(
        title="Capacity broker",
        version=context.version,
        docs_url=None,  # FastAPI's own pages fetch their scripts from elsewhere
        redoc_url=None,
        responses={"4XX": {"model": Problem}, "503": {"model": Problem}},
    )
    app.state.context = context
    app.state.pulse = Pulse(context.store)
    app.state.accounts = accounts.Accounts(context.rules)
    app.state.sessions = agent.Sessions()
    desks = (offers, reclaims, withdrawals, keys, agreements, editions)
    for part in (facts, jobs, quotes, *desks, fleet, cool_downs, spend, accounts, agent):
        app.include_router(part.router)
    app.include_router(offers.notices)
    app.include_router(desk.router)
    serve_reference(app)
    answer_errors(app)
    app.add_middleware(Door, context=context)
    return app
