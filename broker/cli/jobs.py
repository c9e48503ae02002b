"""Jobs: submit, ps, show, logs, events, explain, amend, cancel."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from broker.cli.options import JobNamed, Json, Tenant
from broker.cli.shell import USAGE, Shell, out, out_json, say, shell_of
from broker.client.errors import BrokerError, NotFound


def submit(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="YAML, TOML or JSON; - stdin")
    ],
    key: Annotated[
        str | None, typer.Option(help="Submitting again with the same key is submitting once.")
    ] = None,
    json: Json = False,
) -> None:
    """Submit the jobs of files, all or none, and print their ids."""
    from secrets import token_hex

    from broker.cli.files import read_jobs, where_written

    shell = shell_of(context)
    written = [one for file in files for one in read_jobs(file)]
    prefix = key or token_hex(16)
    items = [
        {
            "job": {**job.model_dump(mode="json", exclude_defaults=True), "kind": job.kind},
            "key": f"{prefix}-{number}",
        }
        for number, (job, _, _) in enumerate(written)
    ]
    try:
        ids = shell.line.post("/v1/jobs/batch", {"jobs": items}, repeatable=True)["ids"]
    except BrokerError as refused:
        raise where_written(refused, written) from None
    if json:
        out_json("submitted", {"ids": ids})
    else:
        out("\n".join(ids))
    say(f"follow it: broker logs -f {ids[0]}" if len(ids) == 1 else "watch them: broker ps --watch")


def quote(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="YAML, TOML or JSON; - stdin")
    ],
    json: Json = False,
) -> None:
    """Say who would be asked for the jobs of files, and at which price; writes nothing."""
    from broker.cli.files import read_jobs, where_written
    from broker.domain.quote import Quote

    shell = shell_of(context)
    for one in [one for file in files for one in read_jobs(file)]:
        body = {**one.job.model_dump(mode="json", exclude_defaults=True), "kind": one.job.kind}
        try:
            said = shell.line.post("/v1/quotes", body, repeatable=True)
        except BrokerError as refused:
            raise where_written(refused, [one]) from None
        if json:
            out_json("quote", said)
        else:
            out(Quote.from_json(said).text())


def ps(
    context: typer.Context,
    *,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also what is over.")] = False,
    state: Annotated[
        list[str] | None,
        typer.Option(help="queued, running, finished, failed, cancelled, unmet; may be repeated."),
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="name=value; may be repeated.")] = None,
    kind: Annotated[str | None, typer.Option(help="training, inference or batch.")] = None,
    provider: Annotated[str | None, typer.Option(help="azure, aws, gcp, oracle or own.")] = None,
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second.")] = False,
    json: Json = False,
) -> None:
    """List jobs, the newest first."""
    from broker.cli import render

    shell = shell_of(context)
    asked = {"label": label, "kind": kind, "provider": provider, "tenant": tenant, "limit": limit}
    states = state or (None if all_ else ["queued", "running"])
    while True:
        page = shell.line.get("/v1/jobs", state=states, **asked)
        items = page["items"]
        if watch and sys.stdout.isatty():
            out("\x1b[2J\x1b[H" + render.jobs(items, paints=shell.paints))
        elif json:
            out_json("jobs", page)
        elif items:
            out(render.jobs(items, paints=shell.paints))
        else:
            say(
                "no job is queued or running; `broker ps -a` shows what is over"
                if states and not state
                else "there is no such job"
            )
        if not json:
            _say_alerts(shell)
        if page.get("next") and not json:
            say(f"these are the newest {len(items)}; --limit shows more")
        if not watch:
            return
        _a_second()


def _say_alerts(shell: Shell) -> None:
    """What a person must mend before some cloud is asked again, whoever's jobs are shown."""
    from broker.cli.cool_downs import alerts

    for alert in alerts(shell.line.get("/v1/cool-downs")["items"]):
        say(alert)


def show(context: typer.Context, job: JobNamed, json: Json = False) -> None:
    """Show one job, by its id, the beginning of its id, or its name."""
    from broker.cli import render

    shell = shell_of(context)
    found = shell.job(job)
    if json:
        out_json("job", found)
        return
    flat: dict[str, Any] = {
        **found,
        "places": render.places(found),
        "waited": _waited(shell, found),
    }
    out(render.sheet(flat))
    say(f"why there: broker explain {found['id']}")


def logs(
    context: typer.Context,
    job: JobNamed,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="Begin with its last lines.")] = None,
    json: Json = False,
) -> None:
    """Print what a job wrote."""
    from broker.client.handle import JobHandle

    shell = shell_of(context)
    found = shell.job(job)
    for line in JobHandle(shell.line, found["id"]).logs(follow=follow, tail=tail):
        if json:
            said = {"unit": line.unit, "stream": line.stream, "at": line.at, "text": line.text}
            out_json("log_line", said)
        else:
            out(f"[{line.unit}] {line.text}" if found["units"] > 1 else line.text)
        sys.stdout.flush()


def events(
    context: typer.Context,
    job: JobNamed,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    json: Json = False,
) -> None:
    """Print the facts that the log holds of a job."""
    from broker.cli.log import fact_line
    from broker.client.handle import JobHandle

    shell = shell_of(context)
    handle = JobHandle(shell.line, shell.job(job)["id"])
    for fact in handle.events(follow=follow):
        if json:
            out_json("fact", fact._asdict())
        else:
            out(fact_line(fact))
        sys.stdout.flush()


def _waited(shell: Shell, job: Mapping[str, Any]) -> str:
    """The job's wait by cause; empty while none of its facts is sealed."""
    from broker.domain.explanation import Explanation

    try:
        told = Explanation.from_json(shell.line.get(f"/v1/jobs/{job['id']}/explain"))
    except NotFound:
        return ""
    return told.waited.removeprefix("waited ")


def explain(
    context: typer.Context,
    job: JobNamed,
    log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Tell it from an exported log.")
    ] = None,
    json: Json = False,
) -> None:
    """Say why a job is where it is, and why not elsewhere."""
    from broker.domain.explanation import Explanation

    if log is not None:
        from broker.cli.log import explained

        told = explained(log, job)
    else:
        shell = shell_of(context)
        told = Explanation.from_json(shell.line.get(f"/v1/jobs/{shell.job(job)['id']}/explain"))
    if json:
        out_json("explanation", told.as_json())
        return
    out(told.text())
    export = "" if log else "broker log export day.jsonl && "
    say(f"prove it: {export}broker audit {log or 'day.jsonl'}")


def amend(
    context: typer.Context,
    job: JobNamed,
    *,
    max_price: Annotated[
        str | None, typer.Option(help="US dollars an hour for one machine; `none` is no limit.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="Such as eu-*; may be repeated; `any` is everywhere.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="A provider; may be repeated; `none` excludes none.")
    ] = None,
    spot: Annotated[str | None, typer.Option(help="never, prefer or only.")] = None,
    json: Json = False,
) -> None:
    """Change the limits of a job that waits; the holder is asked anew where that is due."""
    said: dict[str, Any] = {}
    if max_price is not None:
        said["max_price_per_hour"] = None if max_price == "none" else max_price
    if region:
        said["regions"] = [] if region == ["any"] else region
    if exclude:
        said["exclude"] = [] if exclude == ["none"] else exclude
    if spot is not None:
        said["spot"] = spot
    if not said:
        say("say what to change: --max-price, --region, --exclude or --spot")
        raise typer.Exit(USAGE)
    shell = shell_of(context)
    found = shell.line.patch(f"/v1/jobs/{shell.job(job)['id']}", {"limits": said})
    if json:
        out_json("job", found)
    else:
        out(f"{found['id']}  {found['stage']}")
        say(f"what became of its offer: broker explain {found['id']}")


def cancel(
    context: typer.Context,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB…", help="Ids or names.")],
    reason: Annotated[str, typer.Option(help="Kept in the log.")] = "asked",
    grace: Annotated[int, typer.Option(min=0, max=86_400, help="Seconds for it to stop.")] = 30,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """End jobs that are not over yet."""
    shell = shell_of(context)
    found = [shell.job(job) for job in jobs]
    ids = list(dict.fromkeys(job["id"] for job in found))
    if not yes and len(ids) > 1 and sys.stdin.isatty() and not _sure(len(ids)):
        raise typer.Exit(USAGE)
    body = {"ids": ids, "reason": reason, "grace_s": grace}
    states = shell.line.post("/v1/jobs/cancel", body, repeatable=True)["states"]
    if json:
        out_json("cancelled", {"states": states})
        return
    before = {job["id"]: job["state"] for job in found}
    for id_, state in states.items():
        ended = before[id_] in ("queued", "running") and state == "cancelled"
        out(f"{id_}  cancelled" if ended else f"{id_}  was {state} already")


def _sure(count: int) -> bool:
    say(f"cancel {count} jobs? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _a_second() -> None:
    from threading import Event

    Event().wait(1)
