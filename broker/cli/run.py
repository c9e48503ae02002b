"""`broker run`: submit one command, follow it, and end as it ended."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from broker.cli.options import Json, Tenant
from broker.cli.shell import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    NO_CAPACITY,
    OK,
    TIMEOUT,
    Shell,
    out,
    out_json,
    say,
    shell_of,
)
from broker.client.errors import BrokerError

_COUNTS = {"training": "nodes", "inference": "replicas", "batch": "tasks"}


def run(
    context: typer.Context,
    *,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="What to run.")],
    gpu: Annotated[str | None, typer.Option(help="Of each machine: H100:8.")] = None,
    nodes: Annotated[int, typer.Option(min=1, help="How many machines.")] = 1,
    kind: Annotated[str, typer.Option(help="training, inference or batch.")] = "training",
    work_class: Annotated[
        str | None, typer.Option("--class", help="What the agreement decides by.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the job; else the command's.")] = None,
    tenant: Tenant = None,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="name=value; may be repeated.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="eu-*; may be repeated.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Stop it after 20m, 2h.")] = None,
    spot: Annotated[
        str | None, typer.Option(help="May its machines be taken back: never, prefer or only.")
    ] = None,
    max_price: Annotated[
        str | None, typer.Option(help="US dollars an hour for one machine.")
    ] = None,
    start_within: Annotated[str | None, typer.Option(help="Wait so long for machines.")] = None,
    wait: Annotated[
        float | None, typer.Option(min=0, help="Follow at most so many seconds; exit 124.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not follow it.")] = False,
    json: Json = False,
) -> None:
    """Run a command on bought capacity, and exit with its exit code."""
    from secrets import token_hex

    from broker.cli.files import checked

    shell = shell_of(context)
    fields = {
        "kind": kind,
        "name": name or _named(command),
        "run": command[0] if len(command) == 1 else shlex.join(command),
        "workload_class": work_class,
        "tenant": tenant,
        "env": _pairs(env, "--env"),
        "labels": _pairs(label, "--label"),
        "timeout": timeout,
        "resources": {"gpu": gpu} if gpu else None,
        "limits": _given(
            {
                "regions": region,
                "spot": spot,
                "max_price_per_hour": max_price,
                "start_within": start_within,
            }
        ),
        _COUNTS.get(kind, "nodes"): nodes if nodes > 1 else None,
    }
    job = checked(_given(fields))
    body = {**job.model_dump(mode="json", exclude_defaults=True), "kind": job.kind}
    headers = {"Idempotency-Key": token_hex(16)}
    id_ = shell.line.post("/v1/jobs", body, headers, repeatable=True)["id"]
    if detach:
        if json:
            out_json("submitted", {"ids": [id_]})
        else:
            out(id_)
        say(f"come back: broker logs -f {id_}")
        return
    say(f"{id_} {job.name}")
    following = _Following(shell, id_, as_json=json)
    try:
        raise typer.Exit(following.follow(wait))
    except KeyboardInterrupt:
        say(
            f"detached; the job goes on. Come back: broker logs -f {id_}   "
            f"End it: broker cancel {id_}"
        )
        raise typer.Exit(INTERRUPTED) from None


@dataclass
class _Following:
    """Shows one line for each stage on stderr, and the job's output on stdout."""

    shell: Shell
    job: str
    as_json: bool
    holder: str = "the holder"
    facts_after: int = 0
    log_after: int = 0
    end: dict[str, Any] = field(default_factory=dict)
    last: str = ""

    def follow(self, wait: float | None) -> int:
        """The exit code, once it is over or the wait is."""
        from time import monotonic

        from broker.client.handle import looks

        deadline = None if wait is None else monotonic() + wait
        for _ in looks(deadline):
            self._stages()
            if self._output() and self.end:
                return self._ended()
        say(f"{self.job} is not over after {wait:g} s; it goes on: broker logs -f {self.job}")
        return TIMEOUT

    def _stages(self) -> None:
        from broker.cli import render

        page = self.shell.line.get(f"/v1/jobs/{self.job}/events", after=self.facts_after)
        self.facts_after = page["next"]
        for fact in page["items"]:
            if fact["type"] == "OfferIssued":
                offer = self.shell.line.get(f"/v1/offers/{fact['data']['offer']}")
                self.holder = offer["holder"][0]
            words = render.stage(fact, self.holder)
            if words and words != self.last:
                say(f"  {words}")
                self.last = words
            if fact["type"] in ("JobFinished", "JobFailed", "JobCancelled", "JobUnmet"):
                self.end = fact

    def _output(self) -> bool:
        """Print what is new; True where no more will come."""
        page = self.shell.line.get(f"/v1/jobs/{self.job}/logs", after=self.log_after)
        self.log_after = page["next"]
        for chunk in page["items"]:
            if self.as_json:
                out_json("log_chunk", chunk)
            else:
                sys.stdout.write(chunk["text"])
        sys.stdout.flush()
        return bool(page["over"])

    def _ended(self) -> int:
        kind, data = self.end["type"], self.end["data"]
        if self.as_json:
            out_json("end", {"job": self.job, "type": kind, **data})
        if kind == "JobFinished":
            return OK
        say(f"why: broker explain {self.job}")
        if kind == "JobFailed":
            code = data.get("exit_code")
            return code if isinstance(code, int) and 0 < code <= 255 else FAILED  # noqa: PLR2004
        return CANCELLED if kind == "JobCancelled" else NO_CAPACITY


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


def _named(command: list[str]) -> str:
    words = command[0].split() or ["job"]
    return words[0].rsplit("/", 1)[-1][:40] or "job"


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise BrokerError(
                f"{option}: {text!r} is no pair; write NAME=VALUE", code="invalid_settings"
            )
        pairs[name] = value
    return pairs
