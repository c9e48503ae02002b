"""Keys of parties, as a Python program grants and revokes them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from broker.client.connection import Connection

if TYPE_CHECKING:
    from broker.wire import GrantedView, KeyView


class Keys:
    def __init__(self, connection: Connection) -> None:
        self._line = connection

    def create(
        self,
        party: str,
        role: str = "desk",
        *,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        by: str = "operator",
    ) -> GrantedView:
        """Grant a key; `secret` of what is returned is shown this once."""
        from broker.wire import GrantedView  # noqa: PLC0415 - a command line does without

        body: dict[str, Any] = {"party": party, "role": role, "by": by}
        dates = {"valid_from": valid_from, "valid_until": valid_until}
        body |= {name: at.isoformat() for name, at in dates.items() if at is not None}
        return GrantedView.model_validate(self._line.post("/v1/keys", body, repeatable=False))

    def list(self, party: str | None = None) -> tuple[KeyView, ...]:
        from broker.wire import KeyPage  # noqa: PLC0415 - as above

        return KeyPage.model_validate(self._line.get("/v1/keys", party=party)).items

    def revoke(self, key: str, *, why: str = "asked", by: str = "operator") -> KeyView:
        """Take a key back, at once."""
        from broker.wire import KeyView  # noqa: PLC0415 - as above

        body = {"why": why, "by": by}
        return KeyView.model_validate(
            self._line.post(f"/v1/keys/{key}/revoke", body, repeatable=False)
        )
