"""The other end of the agent's line: enrol, give it its work, hear how it goes."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.lease import exited, started
from broker.domain.losses import noticed
from broker.domain.machine import Machine, MachineState, RunState
from broker.domain.values import LeaseId, MachineName
from broker.ports import LogChunk, Store
from broker.steps.keeping import keep

GRACE_S: Final = 30
LAPSES_S: Final = 60
"""How long an agent keeps its lease without hearing from the broker; then it ends its machine."""


class TokenError(Exception):
    """The token is forged, used by another session, or its machine is over."""


class Command(StrEnum):
    """What the agent is told to do."""

    WAIT = "wait"
    RUN = "run"
    STOP = "stop"
    END = "end"


class Notice(NamedTuple):
    """That the cloud will take the machine back, as the machine itself is told."""

    until: datetime
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the agent says of itself."""

    state: RunState
    lease: LeaseId | None = None
    exit_code: int | None = None
    timed_out: bool = False
    """Whether the command ended because its time limit was over."""
    port: int | None = None
    address: str = ""
    chunks: Sequence[LogChunk] = ()
    notice: Notice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    lease: LeaseId
    run: str
    env: Mapping[str, str] = field(default_factory=dict)
    grace_s: int = GRACE_S
    timeout_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    do: Command
    work: Work | None = None
    acked: int = 0
    """The highest chunk of its lease that is kept."""


def token_of(machine: str, secret: bytes) -> str:
    """The one-time token of a machine: made from its name, so that a repeated order is the same."""
    proof = hmac.new(secret, f"enrol/{machine}".encode(), sha256).hexdigest()
    return f"{machine}.{proof}"


def enrol(token: str, session: str, secret: bytes, store: Store) -> MachineName:
    """Bind the agent that has the token to its session. Raises TokenError."""
    name = token.partition(".")[0]
    if not hmac.compare_digest(token, token_of(name, secret)):
        raise TokenError("the token is not one of this broker's")
    with store.transaction() as tx:
        machine = tx.machine(MachineName(name))
        if machine is None or machine.state.over:
            raise TokenError("the machine of this token is over")
        if not tx.enrol(machine.name, sha256(session.encode()).hexdigest()):
            raise TokenError("the token has been used by another session")
    return machine.name


def hear(session: str, report: Report, store: Store) -> Reply:
    """Take an agent's report and say what it is to do next. Raises TokenError."""
    with store.transaction() as tx:
        machine = tx.machine_of_session(sha256(session.encode()).hexdigest())
        if machine is None:
            raise TokenError("no machine has this session")
        if report.chunks:
            tx.add_log(report.chunks)
        acked = max((chunk.seq for chunk in report.chunks), default=0)
        if _nothing_new(machine, report):
            return Reply(do=Command.WAIT, acked=acked)
        case = tx.cases([machine.job]).get(machine.job)
        if case is None or machine.name not in case.machines:
            return Reply(do=Command.END, acked=acked)
        _apply(case, case.machines[machine.name], report)
        keep(tx, [case])
        return altered(_reply(case, case.machines[machine.name]), acked=acked)


def _nothing_new(machine: Machine, report: Report) -> bool:
    """Whether a beat only says that all goes on as before: the common case, without a lock."""
    running = machine.run is RunState.RUNNING and report.state is RunState.RUNNING
    known = report.notice is None or machine.noticed_until is not None
    undisturbed = not machine.stopping and machine.state is MachineState.RUNNING
    return running and known and undisturbed


def _apply(case: Case, machine: Machine, report: Report) -> None:
    if machine.port is None and report.port is not None:
        address = machine.address or report.address
        machine = case.put_machine(altered(machine, port=report.port, address=address))
    if report.lease is None or report.lease != machine.lease:
        return
    if report.state is not RunState.IDLE and machine.run is RunState.IDLE:
        started(case, machine)
        machine = case.machines[machine.name]
    if report.notice is not None:
        noticed(case, machine, report.notice.until, report.notice.said)
        machine = case.machines[machine.name]
    if report.state is RunState.ENDED:
        code = report.exit_code if report.exit_code is not None else 1
        exited(case, machine, code, timed_out=report.timed_out)


def _reply(case: Case, machine: Machine) -> Reply:
    if machine.state in (MachineState.ENDING, MachineState.GONE, MachineState.REFUSED):
        return Reply(do=Command.END)
    if machine.stopping:
        return Reply(do=Command.STOP if machine.run is RunState.RUNNING else Command.END)
    if machine.lease is None or machine.run is not RunState.IDLE:
        return Reply(do=Command.WAIT)
    env = _environment(case, machine)
    if env is None:
        return Reply(do=Command.WAIT)
    work = case.job.workload
    return Reply(
        do=Command.RUN,
        work=Work(lease=machine.lease, run=work.run, env=env, timeout_s=work.timeout_s),
    )


def _environment(case: Case, machine: Machine) -> dict[str, str] | None:
    """The job's environment; for a gang also where it meets. None while it is not whole yet."""
    work = case.job.workload
    env = {
        **work.env,
        "BROKER_JOB": case.job.id,
        "BROKER_UNIT": str(machine.unit),
        "BROKER_ATTEMPT": str(machine.epoch),
        "BROKER_PROVIDER": machine.place.provider.value,
        "BROKER_REGION": machine.place.region,
        "BROKER_CHECKPOINT": case.job.id if work.gang else f"{case.job.id}/{machine.unit}",
    }
    if not work.gang:
        return env
    leases = {unit.lease for unit in case.job.units} - {None}
    gang = {m.unit: m for m in case.machines.values() if m.lease in leases}
    first = gang.get(0)
    if len(gang) < work.units or first is None or first.port is None:
        return None
    return {
        **env,
        "RANK": str(machine.unit),
        "NODE_RANK": str(machine.unit),
        "WORLD_SIZE": str(work.units),
        "LOCAL_RANK": "0",
        "MASTER_ADDR": first.address or "127.0.0.1",
        "MASTER_PORT": str(first.port),
    }
