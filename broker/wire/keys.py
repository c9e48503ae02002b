"""Keys of parties: granted, listed, revoked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from broker.wire.strict import Seen, Strict, Text, Word

_By = Annotated[Text, Field(min_length=1, max_length=200)]


class GrantBody(Strict):
    party: Word
    role: Literal["desk", "holder", "grantor", "attestor"]
    valid_from: AwareDatetime | None = None
    """Left out: from now."""
    valid_until: AwareDatetime | None = None
    """Left out: until it is revoked."""
    by: _By = "operator"
    """Who grants it."""


class RevokeBody(Strict):
    why: Annotated[Text, Field(min_length=1, max_length=1000)] = "asked"
    by: _By = "operator"


class KeyView(Seen):
    id: str
    party: str
    role: str
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None = None
    granted_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


class GrantedView(KeyView):
    secret: str
    """Shown once; only a hash of it is kept."""


class KeyPage(Seen):
    items: tuple[KeyView, ...]
