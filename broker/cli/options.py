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
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON that names its schema.", show_default=False)
]
