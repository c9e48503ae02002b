"""`broker prices`: what machines cost, how old that is, and how it is brought up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from broker.cli.options import Json
from broker.cli.render import table
from broker.cli.shell import out, out_json, say
from broker.client.errors import BrokerError
from broker.domain.values import ProviderName, Usd, decimal_text
from broker.settings import Settings
from broker.wiring import SystemClock
from providers.catalogue import MalformedCatalogue, Row, catalogue_rows, read
from providers.foreign_catalogues import read_foreign
from providers.price_refresh import Refreshed, merged, refreshed, text_of
from providers.prices import ListPrice, PricesUnavailable
from providers.registry import price_reader

app = typer.Typer(
    help="What machines cost: ls, refresh, import.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Cloud = Annotated[
    list[ProviderName] | None, typer.Option("--cloud", help="Of this cloud; may be repeated.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="The file to write; else the setting `catalogue`, else catalogue.csv."
    ),
]
_HERE: Final = Path("catalogue.csv")


@app.callback()
def prices(context: typer.Context, json: Json = False) -> None:
    if context.invoked_subcommand is None:
        ls(None, "", "", json)


@app.command()
def ls(
    cloud: Cloud = None,
    gpu: Annotated[str, typer.Option(help="With this GPU, such as H100.")] = "",
    region: Annotated[str, typer.Option(help="In this region.")] = "",
    json: Json = False,
) -> None:
    """List machines with their prices and the age of each price."""
    today = SystemClock().now().date()
    rows = [
        row
        for row in _rows(Settings.read())
        if (not cloud or row["cloud"] in cloud)
        and (not gpu or row["gpu"] == gpu)
        and (not region or row["region"] == region)
    ]
    if json:
        out_json("prices", {"items": [{**row, "age_days": _age(row, today)} for row in rows]})
    elif rows:
        head = ("CLOUD", "REGION", "SHAPE", "GPU", "$/H", "SPOT $/H", "AS OF", "AGE")
        out(table(head, [_line(row, today) for row in rows]))
    else:
        say("no machine of that kind is in the catalogue")


@app.command()
def refresh(cloud: Cloud = None, out_file: Out = None, json: Json = False) -> None:
    """Ask the clouds' own price interfaces, and write a catalogue with what they say.

    Azure and Oracle ask for no account; AWS wants one in `clouds.aws`, and GCP a `prices_key`.
    """
    settings = Settings.read()
    known, accounts = _rows(settings), settings.accounts
    clouds = cloud or [name for name in ProviderName if name is not ProviderName.OWN]
    now = SystemClock().now()
    found: list[ListPrice] = []
    asked: list[ProviderName] = []
    troubles: list[str] = []
    pools = read(text_of(known).splitlines(), "the catalogue")
    for name in clouds:
        wanted = [pool for pool in pools if pool.place.provider is name]
        try:
            found += price_reader(name)(accounts.get(name, {}), wanted, now)
            asked.append(name)
        except PricesUnavailable as trouble:
            troubles.append(str(trouble))
        except (LookupError, TypeError, ValueError, ArithmeticError) as odd:
            what = f"{type(odd).__name__}: {odd}"
            troubles.append(f"the prices of {name} are not in the form that is known ({what})")
    result = refreshed(known, found, asked, now.date().isoformat())
    if asked:
        _told(result, _written(result.rows, settings, out_file), json=json)
    for sentence in troubles:
        say(f"broker: {sentence}")
    if troubles:
        raise typer.Exit(1)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV of gpuhunt or SkyPilot.")],
    cloud: Annotated[ProviderName, typer.Option(help="The cloud that the file lists.")],
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of its prices.")
    ] = None,
    out_file: Out = None,
    json: Json = False,
) -> None:
    """Take the machines and prices of another tool's catalogue into ours."""
    settings = Settings.read()
    day = as_of.date() if as_of else _day_of(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            form, rows = read_foreign(lines, cloud, file.name, day.isoformat())
    except MalformedCatalogue as wrong:
        raise BrokerError(str(wrong), code="invalid_file") from None
    path = _written(merged(_rows(settings), rows), settings, out_file)
    if json:
        out_json("import", {"format": form, "rows": len(rows), "file": str(path)})
    else:
        say(f"{len(rows)} machines of {cloud} read as {form}'s; {_use(path)}")


def _rows(settings: Settings) -> tuple[Row, ...]:
    try:
        return catalogue_rows(settings.catalogue)
    except MalformedCatalogue as wrong:
        raise BrokerError(f"catalogue: {wrong}", code="invalid_file") from None


def _day_of(file: Path) -> date:
    """The day a file was last written, where nobody says of which day its prices are."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date()


def _written(rows: Sequence[Row], settings: Settings, asked: Path | None) -> Path:
    """The catalogue file; it is checked first, and replaced as a whole."""
    path = asked or settings.catalogue or _HERE
    text = text_of(rows)
    try:
        read(text.splitlines(), path.name)
    except MalformedCatalogue as wrong:
        raise BrokerError(str(wrong), code="invalid_file") from None
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def _told(result: Refreshed, path: Path, *, json: bool) -> None:
    changes = [
        {
            "cloud": change.cloud,
            "region": change.region,
            "shape": change.shape,
            "spot": change.spot,
            "before": _amount(change.before),
            "after": _amount(change.after),
        }
        for change in result.changes
    ]
    unlisted = [_name(row) for row in result.unlisted]
    if json:
        said: dict[str, Any] = {"file": str(path), "confirmed": result.confirmed}
        out_json("prices_refresh", {**said, "changes": changes, "unlisted": unlisted})
        return
    for change in changes:
        kind = " spot" if change["spot"] else ""
        place = f"{change['cloud']} {change['region']} {change['shape']}{kind}"
        out(f"{place}: {change['before'] or 'none'} -> {change['after'] or 'none'} $/h")
    if unlisted:
        say(f"not on today's lists, and left as they were: {', '.join(unlisted)}")
    say(f"{result.confirmed} machines have today's prices, {len(changes)} changed; {_use(path)}")


def _use(path: Path) -> str:
    return f'written to {path}; a broker reads it at its start, with catalogue = "{path}"'


def _line(row: Row, today: date) -> tuple[str, ...]:
    age = _age(row, today)
    gpus = f"{row['gpu']}:{row['gpus']}" if row["gpu"] else "-"
    spot, day = row.get("spot_usd_hour") or "-", row["as_of"] or "undated"
    days = "unknown" if age is None else "1 day" if age == 1 else f"{age} days"
    return (row["cloud"], row["region"], row["shape"], gpus, row["usd_hour"], spot, day, days)


def _age(row: Mapping[str, str], today: date) -> int | None:
    return (today - date.fromisoformat(row["as_of"])).days if row["as_of"] else None


def _amount(price: Usd | None) -> str | None:
    return None if price is None else decimal_text(price)


def _name(row: Row) -> str:
    return f"{row['cloud']} {row['region']} {row['shape']}"
