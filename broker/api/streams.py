"""What grows, as server-sent events: each with its number, so that a reader can come back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from broker.api.pulse import Pulse

EVENT_STREAM: Final = "text/event-stream"
LOOK_AGAIN_S: Final = 0.25
"""How soon a stream looks for what no bell told it."""
SIGN_OF_LIFE_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What is new, as numbered JSON texts, and whether nothing will come any more."""

    events: Sequence[tuple[int, str]]
    over: bool


Reader: TypeAlias = Callable[[int], Growth]
"""Reads what is newer than a number."""


def wants_stream(request: Request, *, follow: bool) -> bool:
    return follow or EVENT_STREAM in request.headers.get("accept", "")


def started_at(request: Request, after: int) -> int:
    """Where a reader goes on who was there before."""
    last = request.headers.get("last-event-id", "")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 20 else after  # noqa: PLR2004


def event_stream(name: str, key: str, read: Reader, after: int, pulse: Pulse) -> StreamingResponse:
    """Events called `name`, and at the end of what they tell one called `end`."""
    return StreamingResponse(
        _events(name, key, read, after, pulse),
        media_type=EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    name: str, key: str, read: Reader, after: int, pulse: Pulse
) -> AsyncIterator[str]:
    quiet_s = 0.0
    with pulse.listening(key) as bell:
        while not pulse.closed:
            new = await run_in_threadpool(read, after)
            if new.events:
                after, quiet_s = new.events[-1][0], 0.0
                yield "".join(
                    f"id: {number}\nevent: {name}\ndata: {text}\n\n" for number, text in new.events
                )
            elif new.over:
                yield f"event: end\ndata: {json.dumps({'next': after})}\n\n"
                return
            elif not await bell.rings_within(LOOK_AGAIN_S):
                quiet_s += LOOK_AGAIN_S
                if quiet_s >= SIGN_OF_LIFE_S:
                    quiet_s = 0.0
                    yield ": still here\n\n"
