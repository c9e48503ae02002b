"""A signed link: who has it may see and answer an offer, or a notice, until it is over."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from broker.domain.values import KeyId

_PURPOSE: Final = b"the links of desks"


class LinkTo(StrEnum):
    OFFER = "offer"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What is signed. A link that stands for a key is good for as long as the key is."""

    to: LinkTo
    name: str
    version: int
    key: KeyId | None
    until: int
    """Whole seconds since the epoch."""

    def signature(self, secret: bytes) -> str:
        own = hmac.digest(secret, _PURPOSE, "sha256")
        said = f"{self.to.value}\n{self.name}\n{self.version}\n{self.key or ''}\n{self.until}"
        return hmac.new(own, said.encode(), sha256).hexdigest()

    def is_signed(self, shown: str, secret: bytes) -> bool:
        return hmac.compare_digest(shown.encode(), self.signature(secret).encode())

    def over(self, now: datetime) -> bool:
        return now.timestamp() >= self.until
