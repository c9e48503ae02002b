"""Agreements: what they say, what stands, and what their parties put on record."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from broker.cli.options import Json, KeyShown, key_header
from broker.cli.shell import USAGE, out, out_json, say, shell_of
from broker.domain.place import read_sold

app = typer.Typer(
    help="Agreements: ls, show, waive, revoke, consent, attest, conflict, stake, standing, "
    "record, discrepancies.",
    invoke_without_command=True,
)

Name: TypeAlias = Annotated[str, typer.Argument(help="The agreement.", metavar="AGREEMENT")]
By: TypeAlias = Annotated[str, typer.Option(help="The party that puts it on record.")]
OfClause: TypeAlias = Annotated[str, typer.Option("--of", help="The clause it is of.")]
Since: TypeAlias = Annotated[
    str | None, typer.Option("--from", help="From when on; left out: now. 2026-01-31T00:00:00Z")
]
Until: TypeAlias = Annotated[str, typer.Option("--to", help="Until just before this instant.")]
OpenUntil: TypeAlias = Annotated[
    str | None, typer.Option("--to", help="Until just before this instant; left out: open.")
]
Classes: TypeAlias = Annotated[
    list[str] | None, typer.Option("--class", help="Of this class only; may be repeated.")
]
Pools: TypeAlias = Annotated[
    list[str] | None, typer.Option("--pool", help="On this pool only; may be repeated.")
]
Id: TypeAlias = Annotated[str | None, typer.Option(help="A name of your own.")]


@app.callback()
def agreement(context: typer.Context, json: Json = False) -> None:
    if context.invoked_subcommand is None:
        ls(context, json)


@app.command()
def ls(context: typer.Context, json: Json = False) -> None:
    """List the agreements that are known."""
    from broker.cli import agreements_shown

    said = shell_of(context).line.get("/v1/agreements")
    if json:
        out_json("agreements", said)
    else:
        out(agreements_shown.listed(said["items"]))


@app.command()
def show(context: typer.Context, name: Name, json: Json = False) -> None:
    """Show its editions, the clauses in force, and what stands now."""
    from broker.cli import agreements_shown

    said = shell_of(context).line.get(f"/v1/agreements/{name}")
    if json:
        out_json("agreement", said)
    else:
        out(agreements_shown.agreement(said))


@app.command()
def waive(
    context: typer.Context,
    name: Name,
    *,
    by: By,
    of: OfClause,
    cap: Annotated[int, typer.Option(help="How many units at most.")],
    to: Until,
    since: Since = None,
    classes: Classes = None,
    pools: Pools = None,
    id: Id = None,  # noqa: A002 - the option's name
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """The holder gives up its right for some work, up to a cap."""
    said = {"of_clause": of, "cap_units": cap, "match": _match(classes, pools), "id": id}
    _put(context, name, "waivers", said | {"by": by, "from": since, "to": to}, key, json)


@app.command()
def consent(
    context: typer.Context,
    name: Name,
    *,
    by: By,
    of: OfClause,
    to: OpenUntil = None,
    since: Since = None,
    classes: Classes = None,
    pools: Pools = None,
    id: Id = None,  # noqa: A002 - as above
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """The holder lets some work of an exclusive class go elsewhere."""
    said = {"of_clause": of, "match": _match(classes, pools), "id": id}
    _put(context, name, "consents", said | {"by": by, "from": since, "to": to}, key, json)


@app.command()
def standing(
    context: typer.Context,
    name: Name,
    *,
    by: By,
    of: OfClause,
    units: Annotated[int, typer.Option(help="How many units in all.")],
    price: Annotated[str, typer.Option(help="US dollars an hour for one unit.")],
    hold: Annotated[str, typer.Option(help="The holder's name for what it keeps.")],
    place: Annotated[str, typer.Option(metavar="REGION:SKU", help="Where it is kept.")],
    to: Until,
    since: Since = None,
    classes: Classes = None,
    id: Id = None,  # noqa: A002 - as above
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """The holder accepts some work beforehand, under a hold of its own."""
    region, _, sold = place.partition(":")
    said = {
        "of_clause": of,
        "units": units,
        "price_usd_hour": price,
        "hold": hold,
        "region": region,
        **read_sold(sold),
        "match": _match(classes, None),
        "id": id,
    }
    _put(
        context, name, "standing-acceptances", said | {"by": by, "from": since, "to": to}, key, json
    )


@app.command()
def attest(
    context: typer.Context,
    name: Name,
    condition: Annotated[str, typer.Argument()],
    *,
    by: By,
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """The party that the edition names says that a condition has come."""
    _put(context, name, "attestations", {"condition": condition, "by": by}, key, json)


@app.command()
def conflict(
    context: typer.Context,
    name: Name,
    *,
    by: By,
    tenant: Annotated[str, typer.Option(help="Whose work; * is everybody's.")],
    party: Annotated[str, typer.Option(help="Who may neither see nor run it.")],
    because: Annotated[str, typer.Option(help="Why.")] = "",
    share: Annotated[str | None, typer.Option(help="From what stake of it on, too: 0.2")] = None,
    since: Since = None,
    to: OpenUntil = None,
    id: Id = None,  # noqa: A002 - as above
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """A party may neither see nor run a tenant's work."""
    said = {"tenant": tenant, "party": party, "because": because, "share": share, "id": id}
    _put(context, name, "conflicts", said | {"by": by, "from": since, "to": to}, key, json)


@app.command()
def stake(
    context: typer.Context,
    name: Name,
    *,
    by: By,
    owner: Annotated[str, typer.Option(help="Who has the stake.")],
    supplier: Annotated[str, typer.Option(help="In whom.")],
    share: Annotated[str, typer.Option(help="How much of it: 0.49")],
    since: Since = None,
    to: OpenUntil = None,
    id: Id = None,  # noqa: A002 - as above
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """So much of a supplier belongs to a party."""
    said = {"owner": owner, "supplier": supplier, "share": share, "id": id}
    _put(context, name, "stakes", said | {"by": by, "from": since, "to": to}, key, json)


@app.command()
def revoke(
    context: typer.Context,
    name: Name,
    record: Annotated[str, typer.Argument(help="Its id, as `show` has it.")],
    *,
    by: By,
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """A waiver, consent, acceptance or conflict ends now; what was placed stays."""
    _put(context, name, "revoke", {"record": record, "by": by}, key, json)


@app.command()
def record(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The next edition, as YAML.")],
    *,
    by: By,
    key: KeyShown = None,
    json: Json = False,
) -> None:
    """Put the next edition on record; it decides from its beginning on, and never earlier."""
    from pathlib import Path

    from broker.agreements.document import parse
    from broker.agreements.errors import AgreementError

    try:
        document = parse(Path(file).read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError, AgreementError) as wrong:
        say(f"{wrong}" if isinstance(wrong, AgreementError) else f"{file}: {wrong}")
        raise typer.Exit(USAGE) from None
    name = str(document.get("agreement", ""))
    body = {"by": by, "edition": document}
    path = f"/v1/agreements/{name}/editions"
    told = shell_of(context).line.post(path, body, key_header(key), repeatable=False)
    if json:
        out_json("edition", told)
        return
    out(f"{told['edition']}  in force from {told['begins']}")
    if told["discrepancies"]:
        say(f"{len(told['discrepancies'])} decisions: broker agreement discrepancies {name}")


@app.command()
def discrepancies(context: typer.Context, name: Name, json: Json = False) -> None:
    """What editions recorded late would have said of decisions taken before; those stand."""
    said = shell_of(context).line.get(f"/v1/agreements/{name}/discrepancies")
    if json:
        out_json("discrepancies", said)
        return
    for one in said["items"]:
        what = f"{one['job']} {one['subject']}: was {one['was']}, would be {one['would']}"
        out(f"{one['position']}  {what}  (edition {one['edition']})")
    if not said["items"]:
        say("no edition came late, or none would have decided otherwise")


def _match(classes: list[str] | None, pools: list[str] | None) -> dict[str, Any]:
    return ({"class": classes} if classes else {}) | ({"pool": pools} if pools else {})


def _put(
    context: typer.Context, name: str, what: str, said: dict[str, Any], key: str | None, json: Json
) -> None:
    body = {field: value for field, value in said.items() if value is not None}
    told = shell_of(context).line.post(
        f"/v1/agreements/{name}/{what}", body, key_header(key), repeatable=False
    )
    if json:
        out_json("recorded", told)
        return
    out(f"{told['record']}  {told['kind']}")
    say(f"what stands now: broker agreement show {name}")
