"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

JobNamed: TypeAlias = Annotated[
    str, typer.Argument(metavar="JOB", help="Its id, the beginning of it, or its name.")
]
OfferNamed: TypeAlias = Annotated[
    str, typer.Argument(metavar="OFFER", help="Its id, or the beginning of it.")
]
Tenant: TypeAlias = Annotated[str | None, typer.Option(help="Whose work it is.")]
KeyShown: TypeAlias = Annotated[
    str | None, typer.Option("--key", envvar="BROKER_KEY", help="The secret of the party's key.")
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON that names its schema.", show_default=False)
]


def key_header(key: str | None) -> dict[str, str] | None:
    """How the key goes to the broker, where one is shown."""
    return {"Broker-Key": key} if key else None
