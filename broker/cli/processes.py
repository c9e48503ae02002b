"""The processes of a broker: server and migrate here, the rest by entry point."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from broker.cli.options import Json
from broker.cli.shell import out_json, say
from broker.client.errors import BrokerError

ELSEWHERE: Final = {
    "up": "Start a broker with four local clouds, in this process.",
    "demo": "Start all that, and play about a minute of mixed work.",
    "worker": "Run a worker of a broker in production.",
    "ticker": "Run timers, sealer and relay of a broker in production.",
    "prices": "What machines cost: ls, refresh, import.",
}
"""What `workers` brings, in words, so that `--help` need not load it."""

_DATABASE: Final = "sqlite:///FILE or postgresql://…; else BROKER_DATABASE_URL, else broker.toml."


def server(
    *,
    host: Annotated[str | None, typer.Option(help="Another address needs a token and TLS.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="8080 unless said.")] = None,
    database: Annotated[str | None, typer.Option(metavar="URL", help=_DATABASE)] = None,
    public_url: Annotated[str | None, typer.Option(help="Where machines reach it.")] = None,
    tls_certificate: Annotated[
        str | None, typer.Option(metavar="FILE", help="PEM; then it serves https.")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="PEM, unless the certificate has it.")
    ] = None,
    insecure_bind: Annotated[
        bool, typer.Option("--insecure-bind", help="Another address without token and TLS.")
    ] = False,
    json: Json = False,
) -> None:
    """Serve the HTTP API of a broker in production."""
    from broker.serve import serve
    from broker.settings import Settings

    settings = Settings.read(
        host=host,
        port=port,
        database_url=database,
        public_url=public_url,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        insecure=insecure_bind or None,
    )

    def ready(url: str) -> None:
        if json:
            out_json("server", {"url": url})
        say(f"the broker is at {url}; API docs at {url}/docs")

    serve(settings, ready)


def migrate(
    database: Annotated[str | None, typer.Option(metavar="URL", help=_DATABASE)] = None,
    json: Json = False,
) -> None:
    """Bring the tables of the database to what this version needs."""
    from broker.settings import Settings, data_path
    from broker.store.schema import current, upgrade
    from broker.wiring import open_store

    settings = Settings.read(database_url=database)
    if settings.database_url is None:
        data_path().mkdir(parents=True, exist_ok=True)
    store = open_store(settings.database)
    try:
        before = current(store.engine)
        upgrade(store.engine)
        after = current(store.engine)
    finally:
        store.close()
    if json:
        out_json("migration", {"from": before, "to": after})
    elif before == after:
        say(f"the database is at revision {after} already")
    else:
        say(f"the database is at revision {after} now; it was at {before or 'none'}")


def elsewhere(context: typer.Context) -> None:
    """Run the command of this name that another package of the distribution brings."""
    from importlib.metadata import entry_points

    name = context.info_name or ""
    for point in entry_points(group="broker.commands", name=name):
        sub = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
        )
        help_too = {"help_option_names": ["-h", "--help"]}
        found = point.load()
        if isinstance(found, typer.Typer):
            sub = found
        else:
            sub.command(name, context_settings=help_too)(found)
        code = sub(args=context.args, prog_name=f"broker {name}", standalone_mode=False)
        if code:
            raise typer.Exit(code)
        return
    raise BrokerError(
        f"`broker {name}` is not installed; install capacity-broker whole", code="invalid_settings"
    )
