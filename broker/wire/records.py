"""What is put on record of an agreement: waivers, consents, attestations and their like."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field

from broker.domain.clause import Match
from broker.domain.market import PoolKind
from broker.domain.values import Purchase
from broker.domain.workload import TAGS, Scope, WorkClass
from broker.wire.resources import listed
from broker.wire.strict import Seen, Strict, Text, Word, wrong


def _known_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if tag not in TAGS:
            raise wrong(f"{tag!r} is no known tag; known are {', '.join(sorted(TAGS))}")
    return tags


Classes = Annotated[tuple[WorkClass, ...], BeforeValidator(listed), Field(max_length=100)]
Scopes = Annotated[tuple[Scope, ...], BeforeValidator(listed), Field(max_length=10)]
PoolKinds = Annotated[tuple[PoolKind, ...], BeforeValidator(listed), Field(max_length=10)]
Names = Annotated[tuple[Word, ...], BeforeValidator(listed), Field(max_length=100)]
Tags = Annotated[
    tuple[str, ...], BeforeValidator(listed), AfterValidator(_known_tags), Field(max_length=10)
]
Said = Annotated[Text, Field(max_length=1000)]
Units = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Share = Annotated[Decimal, Field(gt=0, le=1)]


class MatchBody(Strict):
    """What work and which pools a record is about; what is left out is left open."""

    classes: Classes = Field(default=(), alias="class")
    tags_any: Tags = ()
    capacity: Scopes = ()
    pool: Names = ()
    pool_kind: PoolKinds = ()

    def to_match(self) -> Match:
        return Match(
            classes=frozenset(self.classes) or None,
            tags_any=frozenset(self.tags_any) or None,
            capacity=frozenset(self.capacity) or None,
            pools=frozenset(self.pool) or None,
            pool_kinds=frozenset(self.pool_kind) or None,
        )


class _Given(Strict):
    model_config = ConfigDict(populate_by_name=True)

    by: Word
    """The party that puts it on record."""


class _Dated(_Given):
    id: Word | None = None
    """A name of one's own; left out, one is made."""
    begins: AwareDatetime | None = Field(default=None, alias="from")
    """Left out: from now on."""
    match: MatchBody = MatchBody()


class WaiverBody(_Dated):
    of_clause: Word
    ends: AwareDatetime = Field(alias="to")
    cap_units: Units


class ConsentBody(_Dated):
    of_clause: Word
    ends: AwareDatetime | None = Field(default=None, alias="to")
    excludes: MatchBody | None = None


class StandingAcceptanceBody(_Dated):
    of_clause: Word
    ends: AwareDatetime = Field(alias="to")
    units: Units
    price_usd_hour: Annotated[Decimal, Field(gt=0)]
    hold: Word
    region: Word
    sku: Word
    purchase: Purchase = Purchase.ON_DEMAND


class AttestationBody(_Given):
    condition: Word


class ConflictBody(_Given):
    id: Word | None = None
    tenant: Word
    """`*` is every tenant."""
    party: Word
    because: Said = ""
    begins: AwareDatetime | None = Field(default=None, alias="from")
    ends: AwareDatetime | None = Field(default=None, alias="to")
    share: Share | None = None
    """From what share on a stake of the party's counts too; left out: no stake does."""


class StakeBody(_Given):
    id: Word | None = None
    owner: Word
    supplier: Word
    share: Share
    begins: AwareDatetime | None = Field(default=None, alias="from")
    ends: AwareDatetime | None = Field(default=None, alias="to")


class RevocationBody(_Given):
    record: Word


class RecordedView(Seen):
    """What was put on record, and under which name."""

    agreement: str
    kind: str
    record: str
    at: datetime
