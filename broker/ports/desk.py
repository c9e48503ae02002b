"""What a desk is told through: a webhook that takes a notice, does not answer, or was not asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from broker.domain.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where notices are posted, and what they are signed with."""

    url: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Took:
    """The desk's endpoint took the notice: it is received."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """The notice went out, and the holder's endpoint did not answer or broke down."""

    because: str


@dataclass(frozen=True, slots=True)
class Untold:
    """It did not go out as it should, or may not have: our fault as far as anybody can show."""

    because: str


Posted: TypeAlias = Took | Unheard | Untold
Post: TypeAlias = Callable[[Webhook, Notice, datetime], Posted]
"""Puts the exact bytes of a notice to a webhook once. It raises nothing."""
