"""Cool-downs: what keeps the broker away from places, and the end of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from broker.cli.options import Json
from broker.cli.shell import out, out_json, say, shell_of

app = typer.Typer(
    help="What keeps the broker away from clouds, regions and places: ls, clear.",
    invoke_without_command=True,
)


@app.callback()
def cool_downs(context: typer.Context, json: Json = False) -> None:
    if context.invoked_subcommand is None:
        ls(context, json)


@app.command()
def ls(context: typer.Context, json: Json = False) -> None:
    """List them, the widest first; what a person must mend stands in its own line below."""
    page = shell_of(context).line.get("/v1/cool-downs")
    if json:
        out_json("cool-downs", page)
    elif page["items"]:
        _print(page["items"])
    else:
        say("nothing keeps the broker away from any place")


@app.command()
def clear(
    context: typer.Context,
    *,
    provider: Annotated[str, typer.Argument(help="azure, aws, gcp, oracle or own.")],
    reason: Annotated[str, typer.Option(help="What has changed; it stands in the log.")],
    region: Annotated[str | None, typer.Option(help="Only a region, or a zone.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only one kind of machine.")] = None,
    by: Annotated[str, typer.Option(help="Who says so.")] = "operator",
    json: Json = False,
) -> None:
    """Forget what a cloud said and what troubled us there: it is asked again, now."""
    body = {"provider": provider, "reason": reason, "by": by}
    body |= {name: value for name, value in (("region", region), ("sku", sku)) if value}
    gone = shell_of(context).line.post("/v1/cool-downs/clear", body, repeatable=False)
    if json:
        out_json("cool-downs", gone)
        return
    _print(gone["items"])
    say("these are cleared; who waits for the places tries again")


def _print(items: Sequence[Mapping[str, Any]]) -> None:
    from broker.cli import render

    head = ("SCOPE", "CLOUD", "REGION", "MACHINE", "EFFECT", "WHY", "CODE", "SINCE", "UNTIL")
    rows = [
        (
            one["scope"],
            one["provider"],
            one["region"] or "all",
            _machines(one),
            one["effect"],
            one["why"],
            one["code"],
            render.moment(one["since"]),
            render.moment(one["until"]),
        )
        for one in items
    ]
    out(render.table(head, rows))
    for alert in alerts(items):
        out(alert)


def alerts(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a person is to mend, a sentence each."""
    return [
        f"! {where(one)}: {one['why']} {one['code']}: {one['message']}"
        for one in items
        if one["alert"]
    ]


def _machines(one: Mapping[str, Any]) -> str:
    how = one["purchase"]
    return f"{one['sku']} {how}" if how != "on_demand" else one["sku"] or "all"


def where(one: Mapping[str, Any]) -> str:
    return " ".join(part for part in (one["provider"], one["region"], one["sku"]) if part)
