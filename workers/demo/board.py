"""The live board: lines made of nothing but the facts seen so far, the instant and the room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from broker.domain.explanation import span
from workers.demo.tale import Tale
from workers.demo.way import JobTale, Scene

PROVIDERS: Final = ("azure", "aws", "gcp", "oracle")
_SHOWN_AFTER: Final = timedelta(seconds=8)
"""How long a job that is over stays on the board."""
_NAME: Final = 14
_SHAPE: Final = 16
FIXED: Final = 4
"""Lines that are there without any job."""
_PRICE: Final = 11
_WIDE: Final = 100
"""From this width on there is room for a price."""
_URGENCY: Final[Mapping[Scene, int]] = {Scene.QUEUED: 1, Scene.PLACING: 1, Scene.RUNNING: 2}
"""Where there are too many jobs, those that are over are left out first, then running ones."""


def lines(tale: Tale, now: datetime, width: int, height: int) -> list[str]:
    """Exactly `height` lines of at most `width` characters; `FIXED` and no jobs at the least."""
    rule = "─" * width
    fixed = [_counts(tale, now, width), rule, _shares(tale, width)]
    rows = [_row(job, now, width) for job in _shown(tale, now, height - FIXED)]
    empty = [""] * (height - FIXED - len(rows))
    return [line[:width].rstrip() for line in (*fixed, *rows, *empty, rule)]


def _counts(tale: Tale, now: datetime, width: int) -> str:
    count = Counter(job.scene for job in tale.jobs.values())
    waiting = [job.submitted_at for job in tale.jobs.values() if job.scene is Scene.QUEUED]
    oldest = max(0, round((now - min(waiting, default=now)).total_seconds()))
    parts = [
        f"clock {now:%H:%M:%S}",
        *(f"{scene.value} {count[scene]}" for scene in (Scene.QUEUED, Scene.PLACING)),
        f"running {count[Scene.RUNNING]}",
        f"done {tale.over}",
        f"oldest wait {span(oldest)}",
    ]
    if width >= _WIDE:
        parts += [f"machines {tale.live()}", f"facts {tale.facts}"]
    return " " + "   ".join(parts)


def _shares(tale: Tale, width: int) -> str:
    """The share of each provider in the machines that went live, as bars."""
    total = sum(tale.placed.values())
    room = (width - sum(map(len, PROVIDERS)) - 10 * len(PROVIDERS)) // len(PROVIDERS)
    cells = []
    for name in PROVIDERS:
        share = tale.placed[name] / total if total else 0.0
        full = round(share * room)
        cells.append(f"{name} {'█' * full}{'░' * (room - full)} {share:4.0%}".replace("%", " %"))
    return " " + "  ".join(cells)


def _shown(tale: Tale, now: datetime, room: int) -> Sequence[JobTale]:
    """The jobs there is room for, the newest news first to stay, in the order they came."""
    fresh = [
        job
        for job in tale.jobs.values()
        if not job.scene.over or now - job.changed_at < _SHOWN_AFTER
    ]
    by_news = sorted(fresh, key=lambda job: (_URGENCY.get(job.scene, 3), -_stamp(job)))
    chosen = {id(job) for job in by_news[: max(0, room)]}
    return [job for job in fresh if id(job) in chosen]


def _stamp(job: JobTale) -> float:
    return job.changed_at.timestamp()


def _row(job: JobTale, now: datetime, width: int) -> str:
    wide = width >= _WIDE
    room = width - _NAME - _SHAPE - 3 - (_PRICE if wide else 0)
    price = f"{job.usd_hour:.2f} $/h" if job.usd_hour else ""
    cells = [f" {job.name[: _NAME - 1]:<{_NAME}}", f"{_told(job, now, room):<{room}} "]
    cells += [f"{job.shape[: _SHAPE - 1]:<{_SHAPE}}", f"{price:>{_PRICE}}" if wide else ""]
    return "".join(cells)


def _told(job: JobTale, now: datetime, room: int) -> str:
    """Its way and where it is now, said as fully as there is room for."""
    full = f"{job.way()}{_now(job, now)}".strip()
    if len(full) <= room:
        return full
    short = f"{job.way(short=True)}{_now(job, now, short=True)}".strip()
    return short if len(short) <= room else f"… {short[2 - room :]}"


def _now(job: JobTale, now: datetime, *, short: bool = False) -> str:
    if job.end:
        return f" {job.end}"
    arrow = " → " if job.hops else ""
    if job.offer is None:
        waits = "next is asked" if job.hops else "queued"
        return f"{arrow}{waits}" if job.scene is Scene.QUEUED else f" {job.scene.value}"
    person = "desk" if short else "a person's desk"
    whom = f"azure, {person}," if job.offer.person else "azure"
    if job.offer.expires_at is None:
        return f"{arrow}{whom} offered"
    window = job.offer.window.total_seconds()
    left = min(window, max(0.0, (job.offer.expires_at - now).total_seconds()))
    return f"{arrow}{whom} offered, {left:.1f} of {window:.1f} s left"
