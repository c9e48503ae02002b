"""`broker replay`: recorded work again, as it was or as it might have been."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.options import Json

_WHAT_IF = "What if"
_RECORDED = "Recorded work"


def replay(  # noqa: PLR0917 - a command takes as many options as it has
    directory: Annotated[
        str | None, typer.Argument(metavar="DIR", help="jobs.csv, capacity.csv, pools.csv")
    ] = None,
    agreement: Annotated[str | None, typer.Option(help="The agreement to run under.")] = None,
    edition: Annotated[str | None, typer.Option(help="Or the edition of a date.")] = None,
    log: Annotated[str | None, typer.Option(metavar="FILE", help="Write the sealed log.")] = None,
    desk: Annotated[str | None, typer.Option(help="delay=45s or silent=0.2")] = None,
    seed: Annotated[int, typer.Option(help="Of the desk's silence.")] = 0,
    jobs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Jobs of another trace, instead of jobs.csv.", show_default=False
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the option is called so
        str | None,
        typer.Option(help="Of --jobs: own, philly, muri, alibaba, azure-llm; else by its header."),
    ] = None,
    recorded: Annotated[
        str | None,
        typer.Option(
            metavar="DAYS",
            help="The broker's own log instead of DIR: 7d, back from its last fact.",
            rich_help_panel=_RECORDED,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="An exported log.", rich_help_panel=_RECORDED),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Else the settings'.", rich_help_panel=_RECORDED),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="exclusive,first-refusal,open: agreements side by side; NAME@EDITION too.",
            rich_help_panel=_WHAT_IF,
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="window=0s,1m,30m,4h; also tail, refusal_max_age, provision, cure, delay, silent.",
            rich_help_panel=_WHAT_IF,
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one HTML page.", rich_help_panel=_WHAT_IF),
    ] = None,
    oracle: Annotated[
        bool,
        typer.Option(
            "--oracle", help="Measure against perfect knowledge.", rich_help_panel=_WHAT_IF
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Run a recorded day again, under a virtual clock; compare what might have been."""
    from broker.replay import command, whatif

    asked = whatif.Asked(
        directory=directory,
        agreement=agreement,
        edition=edition,
        desk=desk,
        seed=seed,
        jobs=jobs,
        format=format,
        recorded=recorded,
        source=source,
        database_url=database_url,
        compare=compare,
        sweep=tuple(sweep or ()),
        report=report,
        oracle=oracle,
        log=log,
    )
    if asked.plain and directory is not None:
        code = command.main(directory, agreement, edition, log, desk, seed, as_json=json)
    else:
        code = whatif.main(asked, as_json=json)
    raise typer.Exit(code)
