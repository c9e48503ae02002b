"""The line of the agents: what they are, their first word, and their beats.

A beat that finds nothing to do is held for a while, so that an idle machine learns of its work at
once; it holds no thread meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import sha256
from http import HTTPStatus
from threading import Lock
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AwareDatetime, Field
from starlette.concurrency import run_in_threadpool

from broker.api.context import ApiContext, Here, PulseHere
from broker.api.errors import DeclinedError
from broker.api.replies import json_reply
from broker.domain.machine import Machine, RunState
from broker.domain.values import JobId, LeaseId
from broker.ports import LogChunk, Store
from broker.steps.run import (
    GRACE_S,
    LAPSES_S,
    Command,
    Notice,
    Reply,
    Report,
    TokenError,
    enrol,
    hear,
)
from broker.wire.strict import Seen, Word

router = APIRouter(prefix="/v1/agent", tags=["agent"])

BEAT_S: Final = 1.0
HOLD_S: Final = 10.0
"""How long a beat is held that finds nothing to do."""
LOOK_AGAIN_S: Final = 1.0
"""How soon a held beat looks for what no bell told it."""
AFTER_CLOSING_S: Final = 0.5
_REMEMBERED: Final = 10_000

Port = Annotated[int, Field(ge=1, le=65_535)]


class Enrolment(Seen):
    token: Word
    session: Word


class Chunk(Seen):
    lease: Annotated[str, Field(max_length=200)]
    seq: Annotated[int, Field(ge=1, le=2**31 - 1)]
    at: Annotated[str, Field(max_length=40)]
    stream: Literal["out", "err"]
    text: str


class NoticeBody(Seen):
    """The cloud will take the machine back."""

    until: AwareDatetime
    said: Annotated[str, Field(max_length=100)]


class Beat(Seen):
    state: RunState
    lease: str | None = None
    exit_code: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None
    timed_out: bool = False
    """The agent ended the command because its time limit was over."""
    port: Port | None = None
    address: Annotated[str, Field(max_length=100)] = ""
    chunks: Annotated[tuple[Chunk, ...], Field(max_length=1000)] = ()
    notice: NoticeBody | None = None


class WorkView(Seen):
    lease: str
    run: str
    env: dict[str, str]
    grace_s: int
    timeout_s: int | None


class Orders(Seen):
    do: Command
    wait_s: float
    acked: int
    lapses_s: int = LAPSES_S
    work: WorkView | None = None


class Enrolled(Seen):
    machine: str
    beat_s: float = BEAT_S
    grace_s: int = GRACE_S


class Sessions:
    """Which job's which unit a session works for: that never changes, so it is remembered."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[JobId, int]] = OrderedDict()
        self._lock = Lock()

    def find(self, session: str, store: Store) -> tuple[JobId, int, bool]:
        """Job and unit, and whether they were not known here before. Raises TokenError."""
        with self._lock:
            known = self._known.get(session)
        if known is not None:
            return (*known, False)
        with store.transaction() as tx:
            machine: Machine | None = tx.machine_of_session(sha256(session.encode()).hexdigest())
        if machine is None:
            raise TokenError("no machine has this session")
        with self._lock:
            self._known[session] = machine.job, machine.unit
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return machine.job, machine.unit, True


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


@router.get("/agent.py")
async def download(here: Here) -> Response:
    """The agent's source, which a machine checks by its hash before it runs it."""
    return Response(here.agent_source, media_type="text/x-python")


@router.post("/enrol", response_model=Enrolled)
def enrol_agent(body: Enrolment, here: Here) -> Response:
    """Bind a machine's agent to its session, by the machine's one-time token."""
    return json_reply(Enrolled(machine=enrol(body.token, body.session, here.secret, here.store)))


@router.post("/beat", response_model=Orders)
async def beat(
    body: Beat,
    here: Here,
    pulse: PulseHere,
    sessions: Annotated[Sessions, Depends(_sessions)],
    authorization: Annotated[str, Header()] = "",
) -> Response:
    """Hear how it goes, and say what is to be done next."""
    session = authorization.partition(" ")[2].strip()
    try:
        job, unit, new = await run_in_threadpool(sessions.find, session, here.store)
        report = _report(body, job, unit)
        with pulse.listening(job) as bell:
            reply = await _hear(session, report, here)
            if new or report.chunks:
                pulse.ring(job)
            until = asyncio.get_running_loop().time() + HOLD_S
            idle = report.state is RunState.IDLE
            while idle and reply.do is Command.WAIT and not pulse.closed:
                left = until - asyncio.get_running_loop().time()
                if left <= 0:
                    break
                await bell.rings_within(min(left, LOOK_AGAIN_S))
                reply = await _hear(session, report, here)
    except TokenError as fault:
        raise DeclinedError(HTTPStatus.UNAUTHORIZED, "unknown_session", f"{fault}") from None
    wait_s = AFTER_CLOSING_S if pulse.closed and reply.do is Command.WAIT else 0.0
    return json_reply(_orders(reply, wait_s))


async def _hear(session: str, report: Report, here: ApiContext) -> Reply:
    return await run_in_threadpool(hear, session, report, here.store)


def _report(body: Beat, job: JobId, unit: int) -> Report:
    """What the agent says, of its own job and unit only."""
    own = f"{job}.{unit}."
    foreign = [chunk for chunk in body.chunks if not chunk.lease.startswith(own)]
    if foreign:
        message = f"chunks: {foreign[0].lease!r} is no lease of this machine"
        raise DeclinedError(HTTPStatus.FORBIDDEN, "foreign_lease", message, field="chunks")
    return Report(
        state=body.state,
        lease=None if body.lease is None else LeaseId(body.lease),
        exit_code=body.exit_code,
        timed_out=body.timed_out,
        port=body.port,
        address=body.address,
        notice=Notice(body.notice.until, body.notice.said) if body.notice else None,
        chunks=[
            LogChunk(
                job=job,
                unit=unit,
                lease=LeaseId(chunk.lease),
                seq=chunk.seq,
                at=chunk.at,
                stream=chunk.stream,
                text=chunk.text.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            )
            for chunk in body.chunks
        ],
    )


def _orders(reply: Reply, wait_s: float) -> Orders:
    work: dict[str, Any] = {}
    if reply.work is not None:
        work["work"] = WorkView(
            lease=reply.work.lease,
            run=reply.work.run,
            env=dict(reply.work.env),
            grace_s=reply.work.grace_s,
            timeout_s=reply.work.timeout_s,
        )
    return Orders(do=reply.do, wait_s=wait_s, acked=reply.acked, **work)
