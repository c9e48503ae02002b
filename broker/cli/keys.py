"""Keys: who may speak for a party of an agreement."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.cli.options import Json
from broker.cli.shell import out, out_json, say, shell_of

app = typer.Typer(help="Who may speak for a party: create, ls, revoke.", no_args_is_help=True)

By = Annotated[str, typer.Option(help="Who decides it.")]


@app.command()
def create(
    context: typer.Context,
    *,
    party: Annotated[str, typer.Argument(help="As the agreement names it, such as azure.")],
    role: Annotated[str, typer.Option(help="desk, holder, grantor or attestor.")] = "desk",
    valid_from: Annotated[
        str | None, typer.Option("--from", help="2026-12-01T00:00:00Z; left out: now.")
    ] = None,
    valid_until: Annotated[
        str | None, typer.Option("--until", help="Left out: until it is revoked.")
    ] = None,
    by: By = "operator",
    json: Json = False,
) -> None:
    """Grant a key. Its secret is shown here, once."""
    body: dict[str, Any] = {"party": party, "role": role, "by": by}
    body |= {"valid_from": valid_from} if valid_from is not None else {}
    body |= {"valid_until": valid_until} if valid_until is not None else {}
    made = shell_of(context).line.post("/v1/keys", body, repeatable=False)
    if json:
        out_json("key", made)
        return
    say(f"{made['id']} is the {made['role']} key of {made['party']}; its secret is shown once:")
    out(made["secret"])


@app.command()
def ls(
    context: typer.Context,
    party: Annotated[str | None, typer.Option(help="Of one party.")] = None,
    json: Json = False,
) -> None:
    """List keys, the oldest first, without their secrets."""
    page = shell_of(context).line.get("/v1/keys", party=party)
    if json:
        out_json("keys", page)
    elif page["items"]:
        for key in page["items"]:
            out(_line(key))
    else:
        say("no key was granted; who reaches this broker may answer offers")


@app.command()
def revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, as `broker key ls` says.")],
    why: Annotated[str, typer.Option(help="Why it is taken back.")] = "asked",
    by: By = "operator",
    json: Json = False,
) -> None:
    """Take a key back, at once."""
    body = {"why": why, "by": by}
    gone = shell_of(context).line.post(f"/v1/keys/{key}/revoke", body, repeatable=False)
    if json:
        out_json("key", gone)
    else:
        out(_line(gone))


def _line(key: dict[str, Any]) -> str:
    until = key.get("revoked_at") or key.get("valid_until")
    word = "revoked" if key.get("revoked_at") else "until"
    end = f"  {word} {until}" if until else ""
    return f"{key['id']}  {key['party']}  {key['role']}  from {key['valid_from']}{end}"
