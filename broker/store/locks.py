"""Locks on names that have no row of their own, for the rest of a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, text

STREAMS: Final = 0x57E4
"""One writer at a time appends to a stream that is no job's."""
HOLDS: Final = 0x401D
"""One answer at a time binds a hold."""
PLACES: Final = 0x91AC
"""One round at a time adds to what is remembered of a place."""

SPENDING: Final = 0x5BE4
"""One worker at a time is about to launch, where there is a spend cap."""

REGISTERS: Final = 0x2E61
"""Who decides by a register shares it; who changes what it says has it alone."""
KEYS: Final = 0x6E75
"""Who judges by keys shares them; who gives or takes one back has them alone."""
BEATS: Final = 0xBEA7
"""One part of the broker at a time gives a sign of life."""


def take(connection: Connection, kind: int, names: Iterable[str], *, shared: bool = False) -> None:
    """Wait for these locks, all in one order, so that nobody waits in a ring.

    SQLite has one writer at a time, and needs none.
    """
    wanted = sorted(set(names))
    if wanted and connection.dialect.name == "postgresql":
        how = _SHARE if shared else _TAKE
        connection.execute(how, {"kind": kind, "names": wanted})


_TAKE: Final = text(
    "SELECT pg_advisory_xact_lock(:kind, key) FROM "
    "(SELECT hashtext(name) AS key FROM unnest(CAST(:names AS text[])) AS name ORDER BY 1) AS keys"
)
_SHARE: Final = text(
    "SELECT pg_advisory_xact_lock_shared(:kind, key) FROM "
    "(SELECT hashtext(name) AS key FROM unnest(CAST(:names AS text[])) AS name ORDER BY 1) AS keys"
)
