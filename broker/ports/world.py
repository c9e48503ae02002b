"""Time and names: what no decision makes for itself."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """This instant, in UTC."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """An id that was never made before, such as `job_01ka…`; later ids sort after earlier."""
        ...
