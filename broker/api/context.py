"""What the HTTP side of the broker stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Request

from broker.api.pulse import Pulse
from broker.ports import Ids, Store
from broker.steps.rulebook import Rulebook
from broker.store.board import Board


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    store: Store
    board: Board
    rules: Rulebook
    ids: Ids
    secret: bytes = field(repr=False)
    """What the tokens of agents are made with."""
    agent_source: bytes = field(repr=False)
    """The agent, as machines download it."""
    token: str | None = field(default=None, repr=False)
    """What a caller must show; None: nothing, for this computer only."""
    loopback: bool = True
    """Whether the server listens on this computer only; then the Host header is checked."""
    public_url: str = ""
    """Where machines and clients reach the broker, if that is elsewhere."""
    version: str = "0"

    @property
    def public_host(self) -> str:
        return urlsplit(self.public_url).netloc.lower()


async def _context(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


async def _pulse(request: Request) -> Pulse:
    pulse: Pulse = request.app.state.pulse
    return pulse


Here: TypeAlias = Annotated[ApiContext, Depends(_context)]
PulseHere: TypeAlias = Annotated[Pulse, Depends(_pulse)]
