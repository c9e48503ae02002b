"""A third party's quote that is taken back: withdraw."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from broker.cli.options import JobNamed, Json
from broker.cli.shell import out, out_json, say, shell_of

_SAID: Final = {
    "withdrawn": "is withdrawn; a new one is due",
    "survives": "stays open; if it is refused, a new one is due",
    "stands": "was accepted, and that stands",
    "release_ended": "gave a release that has ended; a new one is due",
}


def withdraw(
    context: typer.Context,
    job: JobNamed,
    quote: Annotated[
        str, typer.Argument(metavar="QUOTE", help="Its id, as `broker offers show` names it.")
    ],
    why: Annotated[str, typer.Option(help="Kept in the log.")] = "withdrawn by its supplier",
    json: Json = False,
) -> None:
    """Take a third party's quote back; nothing is bought on it any more."""
    shell = shell_of(context)
    found = shell.job(job)
    path = f"/v1/jobs/{found['id']}/quotes/{quote}/withdraw"
    said = shell.line.post(path, {"why": why}, repeatable=False)
    if json:
        out_json("withdrawal", said)
        return
    for one in said["offers"]:
        out(f"{one['offer']}  {_SAID.get(one['became'], one['became'])}")
    say(f"what follows: broker explain {found['id']}")
