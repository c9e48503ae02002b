"""Cool-downs: how long each no and each trouble keeps us away, and what of it stands now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from broker.domain.events import CoolDownCleared
from broker.domain.market import Place
from broker.domain.place import Reach, reach_of
from broker.domain.places import PlaceRecord, Trouble
from broker.domain.values import ProviderName, RefusalReason

_HOUR: Final = timedelta(hours=1)


class Why(StrEnum):
    """What may keep us away: the reasons of a cloud's no, and the faults that are ours to mend."""

    NO_CAPACITY = "no_capacity"
    OVER_QUOTA = "over_quota"
    NOT_STOCKED = "not_stocked"
    NO_QUOTA = "no_quota"
    AUTH = "auth"
    INVALID = "invalid"
    CONFLICT = "conflict"
    UNKNOWN_CODE = "unknown_code"
    SPEND_CAP = "spend_cap"


DEFAULTS: Final[Mapping[Why, timedelta]] = {
    Why.NO_CAPACITY: timedelta(minutes=3),
    Why.OVER_QUOTA: timedelta(minutes=10),
    Why.NOT_STOCKED: timedelta(hours=23),
    Why.NO_QUOTA: _HOUR,
    Why.AUTH: timedelta(minutes=10),
    Why.INVALID: timedelta(minutes=10),
    Why.CONFLICT: timedelta(seconds=30),
    Why.UNKNOWN_CODE: timedelta(minutes=3),
    Why.SPEND_CAP: timedelta(minutes=1),
}
DEFAULTS_BY_CLOUD: Final[Mapping[ProviderName, Mapping[Why, timedelta]]] = {
    ProviderName.AZURE: {Why.NO_CAPACITY: _HOUR},
    ProviderName.AWS: {Why.OVER_QUOTA: timedelta(minutes=3)},
}
"""Where a cloud differs from the others.

Karpenter leaves an offering of AWS alone for 3 minutes, whatever it said; one of Azure for an hour
after an allocation failure, which is also what a spot machine that is not there means here, for an
hour where the quota is 0, 10 minutes where some of it is left, and 23 hours where the kind is not
sold (design 2.6). Nobody gives a value for credentials: SkyPilot leaves the cloud out for its run.
"""


@dataclass(frozen=True, slots=True)
class CoolDowns:
    """How long what was said keeps us away; what is set goes before the defaults."""

    set_to: Mapping[Why, timedelta] = field(default_factory=dict)
    set_for: Mapping[ProviderName, Mapping[Why, timedelta]] = field(default_factory=dict)

    def of(self, provider: ProviderName, why: str) -> timedelta:
        """Raises ValueError for what keeps nobody away."""
        said = Why(why)
        for known in (
            self.set_for.get(provider, {}),
            self.set_to,
            DEFAULTS_BY_CLOUD.get(provider, {}),
        ):
            if said in known:
                return known[said]
        return DEFAULTS[said]

    def refused(
        self, provider: ProviderName, reason: RefusalReason, at_most_s: int | None = None
    ) -> timedelta:
        """How long a refusal stands; for the holder never longer than its clause's maximum age."""
        usual = self.of(provider, reason)
        return usual if at_most_s is None else min(usual, timedelta(seconds=at_most_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolDown:
    """Something that keeps us away from a place or an area."""

    place: Place
    reach: Reach
    effect: str
    """`refused`: it said no. `closed`: no third-party order goes there. `paused`: no call does."""
    why: str
    """A reason of a refusal, or a kind of fault."""
    code: str
    message: str
    since: datetime
    until: datetime
    refusal: str | None = None

    @property
    def alert(self) -> bool:
        """Whether a person is to mend something: time alone will not."""
        return self.effect == "closed"


def standing(records: Iterable[PlaceRecord], now: datetime) -> list[CoolDown]:
    """Everything that keeps us away now, the widest first."""
    found = [one for record in records for one in _of(record) if now < one.until]
    order = list(reversed(Reach))
    return sorted(found, key=lambda one: (order.index(one.reach), one.place, one.effect))


def _of(record: PlaceRecord) -> Iterator[CoolDown]:
    place, reach = record.place, reach_of(record.place)
    if (no := record.refusal) is not None:
        yield CoolDown(
            place=place,
            reach=reach,
            effect="refused",
            why=no.reason,
            code=no.code,
            message=no.message,
            since=no.at,
            until=no.valid_until,
            refusal=no.id,
        )
    troubles: tuple[tuple[str, Trouble | None], ...] = (
        ("closed", record.closed),
        ("paused", record.paused),
    )
    for effect, trouble in troubles:
        if trouble is not None:
            yield CoolDown(
                place=place,
                reach=reach,
                effect=effect,
                why=trouble.kind,
                code=trouble.code,
                message=trouble.message,
                since=trouble.since,
                until=trouble.until,
            )


def cleared(
    record: PlaceRecord, now: datetime, by: str, reason: str
) -> tuple[PlaceRecord, list[CoolDownCleared]]:
    """The record once a person has said that nothing of it holds any more, and the facts of that.

    A place that had said no is one whose stock is known to have changed (agreement, T20b): what
    was released because of it is offered anew.
    """
    told = [
        CoolDownCleared(
            provider=one.place.provider,
            region=one.place.region,
            sku=one.place.sku,
            purchase=one.place.purchase,
            scope=one.reach,
            effect=one.effect,
            why=one.why,
            code=one.code,
            refusal=one.refusal,
            by=by,
            reason=reason,
        )
        for one in standing([record], now)
    ]
    said_no = any(one.effect == "refused" for one in told)
    freed_at = now if said_no else record.freed_at
    return replace(record, refusal=None, closed=None, paused=None, freed_at=freed_at), told
