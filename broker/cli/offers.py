"""Offers to the holder: list, show, answer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.cli.options import Json, KeyShown, OfferNamed, key_header
from broker.cli.shell import out, out_json, say, shell_of
from broker.client.errors import BrokerError
from broker.domain.place import read_sold

app = typer.Typer(
    help="Offers to the holder: ls, show, notice.",
    invoke_without_command=True,
)

State = Annotated[
    list[str] | None, typer.Option(help="sent, open, accepted and so on; may be repeated.")
]


@app.callback()
def offers(context: typer.Context, state: State = None, json: Json = False) -> None:
    if context.invoked_subcommand is None:
        ls(context, state, 50, json)


@app.command()
def ls(
    context: typer.Context,
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """List offers, the newest first."""
    from broker.cli import render

    shell = shell_of(context)
    page = shell.line.get("/v1/offers", state=state, limit=limit)
    if json:
        out_json("offers", page)
    elif page["items"]:
        out(render.offers(page["items"], paints=shell.paints))
    else:
        say("there is no such offer")


@app.command()
def show(context: typer.Context, offer: OfferNamed, json: Json = False) -> None:
    """Show one offer, by its id or the beginning of it."""
    from broker.cli import render

    found = _offer(context, offer)
    if json:
        out_json("offer", found)
        return
    out(render.sheet(found))
    if found["state"] in ("sent", "open"):
        say(f"answer it: broker answer {found['id']} refuse --reason no_capacity")


@app.command()
def link(
    context: typer.Context,
    offer: OfferNamed,
    key: Annotated[
        str | None, typer.Option(help="The id of the desk key it stands for; revoked with it.")
    ] = None,
    valid: Annotated[int, typer.Option(min=60, help="For so many seconds.")] = 86400,
    json: Json = False,
) -> None:
    """Print a signed link to a page on which the offer can be answered."""
    found = _offer(context, offer)
    body: dict[str, Any] = {"valid_s": valid} | ({"key": key} if key else {})
    line = shell_of(context).line
    made = line.post(f"/v1/offers/{found['id']}/link", body, repeatable=True)
    if json:
        out_json("link", made)
    else:
        out(made["url"])


@app.command()
def notice(
    context: typer.Context,
    offer: OfferNamed,
    json: Json = True,  # noqa: ARG001 - a notice has no other form, and every command takes it
) -> None:
    """Fetch the notice as the holder's desk, as JSON: its window opens."""
    found = _offer(context, offer)
    out_json("notice", shell_of(context).line.get(f"/v1/offers/{found['id']}/notice"))


def answer(
    context: typer.Context,
    *,
    offer: OfferNamed,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="accept, refuse, counter or query.")],
    units: Annotated[int | None, typer.Option(help="Accept so many; left out: all.")] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(metavar="HOLD:UNITS:REGION:SKU[:VIA]", help="What is held; may be repeated."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="no_capacity, not_economic, …")] = None,
    question: Annotated[str | None, typer.Option(help="Of a query.")] = None,
    term: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Of a counter: price_usd_hour=9; may be repeated."),
    ] = None,
    by: Annotated[str, typer.Option(help="Who answers.")] = "desk",
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """Answer an offer as the holder's desk."""
    from broker.cli import render

    kinds = ("accept", "refuse", "counter", "query")
    if kind not in kinds:
        raise _usage(f"{kind!r} is no answer; write one of {', '.join(kinds)}")
    found = _offer(context, offer)
    body: dict[str, Any] = {"kind": kind, "by": by, "holds": [_hold(text) for text in hold or ()]}
    body |= {"units": units} if units is not None else {}
    body |= {"reason": reason} if reason is not None else {}
    body |= {"question": question} if question is not None else {}
    body |= {"terms": dict(map(_term, term))} if term else {}
    line = shell_of(context).line
    path = f"/v1/offers/{found['id']}/answer"
    said = line.post(path, body, key_header(key), repeatable=False)
    if json:
        out_json("judgement", said)
        return
    out(f"{found['id']}  {said['state']}")
    if said.get("reply"):
        out(render.sheet(said["reply"]))
    say(f"what follows: broker explain {found['job']}")


def _hold(text: str) -> dict[str, Any]:
    parts = text.split(":")
    if len(parts) not in (4, 5) or not parts[1].isdigit():
        raise _usage(f"--hold: {text!r} is no hold; write HOLD:UNITS:REGION:SKU")
    held = {"hold": parts[0], "units": int(parts[1]), "region": parts[2]}
    held |= read_sold(parts[3])
    return held | ({"via": parts[4]} if parts[4:] else {})


def _term(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise _usage(f"--term: {text!r} is no term; write NAME=VALUE")
    if name in ("regions", "accelerators"):
        return name, value.split(",")
    return name, int(value) if name == "units" and value.isdigit() else value


def _offer(context: typer.Context, named: str) -> dict[str, Any]:
    """The offer with this id, or with an id that begins so, among the newest thousand."""
    from broker.client.errors import NotFound

    if not named.strip():
        raise _usage("an offer is named by its id or the beginning of it; see `broker offers`")
    line = shell_of(context).line
    try:
        found: dict[str, Any] = line.get(f"/v1/offers/{named}")
    except NotFound:
        page = line.get("/v1/offers", limit=1000)["items"]
        alike = [offer for offer in page if offer["id"].startswith(named)]
        if len(alike) != 1:
            if alike:
                raise _usage(f"{named!r} may be any of {len(alike)} offers; write more") from None
            raise
        return dict(alike[0])
    return found


def _usage(sentence: str) -> BrokerError:
    return BrokerError(sentence, code="invalid_settings")
