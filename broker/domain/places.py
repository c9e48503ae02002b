"""What is remembered of a place or an area: its last no, its yeses since, our own trouble there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from broker.domain.altered import made_at_once
from broker.domain.market import Place, Refusal

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=1)
"""Between calls to a cloud that throttles us and does not say for how long."""
LONGEST_TOLD: Final = timedelta(hours=1)
"""How far a cloud's own word for it is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A fault that keeps us away for a while; it is no refusal."""

    kind: str
    code: str
    message: str
    since: datetime
    until: datetime

    def lasts(self, now: datetime) -> bool:
        return now < self.until


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRecord:
    place: Place
    """Or an area around places."""
    refusal: Refusal | None = None
    streak: int = 0
    """The yeses since the last no; how much it may be asked for at once grows with them."""
    freed_at: datetime | None = None
    """When its stock changed, as far as we know: a machine of ours ended, or a person said so."""
    closed: Trouble | None = None
    """What keeps third-party orders away."""
    paused: Trouble | None = None
    """What keeps every call away, the holder's too: too many calls, or bad credentials."""

    @property
    def closed_until(self) -> datetime | None:
        return self.closed.until if self.closed else None

    def shuts(self, now: datetime) -> bool:
        """Whether anything of it keeps anybody away."""
        troubles = (self.closed, self.paused)
        refused = self.refusal is not None and now < self.refusal.valid_until
        return refused or any(one is not None and one.lasts(now) for one in troubles)


def advice_stream(place: Place) -> str:
    """Where what is told of a place's advice stands in the log."""
    return f"advice/{place}".replace(" ", "/")


def pause_until(before: Trouble | None, now: datetime, retry_after_s: float | None) -> datetime:
    """When the next call may be made after the cloud said that there are too many.

    As long as it said itself; else a second, and twice as long whenever that was not enough.
    """
    if retry_after_s:
        return now + min(timedelta(seconds=retry_after_s), LONGEST_TOLD)
    if before is None:
        return now + FIRST_PAUSE
    last = before.until - before.since
    again = now < before.until + max(last, FIRST_PAUSE)
    return now + (min(max(last, FIRST_PAUSE) * 2, LONGEST_PAUSE) if again else FIRST_PAUSE)
