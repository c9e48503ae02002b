"""What keeps the broker away from places, regions and clouds, and how a person ends it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from broker.domain.values import ProviderName
from broker.wire.strict import Seen, Strict, Text, Word


class ClearBody(Strict):
    """Where it is to be forgotten; what is left out is meant whole."""

    provider: ProviderName
    region: Word | None = None
    """A region with all its zones, or one zone."""
    sku: Word | None = None
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]
    """What has changed; it stands in the log."""
    by: Annotated[Text, Field(min_length=1, max_length=200)] = "operator"


class CoolDownView(Seen):
    provider: str
    scope: Literal["place", "zone", "family", "region", "cloud"]
    region: str | None
    """Null where the whole cloud is meant."""
    sku: str | None
    """Null where every machine is meant; of a family `family:` and its name."""
    purchase: str = "on_demand"
    """How the machines are bought that are meant; of a region or a cloud all of them are."""
    effect: str
    """`refused`: it said no; `closed`: no third-party order goes there; `paused`: no call does."""
    why: str
    code: str
    message: str
    alert: bool
    """Whether a person is to mend something; then the message says what."""
    refusal: str | None
    since: AwareDatetime
    until: AwareDatetime


class CoolDownsView(Seen):
    items: tuple[CoolDownView, ...]
