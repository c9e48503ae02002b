"""A unit that the holder asks back: reclaim."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.options import JobNamed, Json, KeyShown, key_header
from broker.cli.shell import out, out_json, say, shell_of
from broker.domain.place import read_sold


def reclaim(
    context: typer.Context,
    *,
    job: JobNamed,
    unit: Annotated[int, typer.Argument(min=0, help="Its number, counted from 0.")],
    hold: Annotated[str, typer.Option(help="What is kept in its place, by its name.")],
    region: Annotated[str, typer.Option(help="Where that is.")],
    sku: Annotated[str, typer.Option(help="What kind of machine it is.")],
    by: Annotated[str, typer.Option(help="Who asks.")] = "desk",
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """Ask a released unit back, as the holder's desk."""
    shell = shell_of(context)
    found = shell.job(job)
    body = {"hold": hold, "region": region, "by": by} | read_sold(sku)
    path = f"/v1/jobs/{found['id']}/units/{unit}/reclaim"
    said = shell.line.post(path, body, key_header(key), repeatable=False)
    if json:
        out_json("reclaim", said)
        return
    out(f"{found['id']}  unit {unit} is moved after {said['notice_until']}")
    say(f"what follows: broker explain {found['id']}")
