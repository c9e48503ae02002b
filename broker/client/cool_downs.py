"""What keeps the broker away from places, as a Python program reads and clears it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.client.connection import Connection

if TYPE_CHECKING:
    from broker.wire.cool_downs import CoolDownView


class CoolDowns:
    def __init__(self, connection: Connection) -> None:
        self._line = connection

    def list(self) -> tuple[CoolDownView, ...]:
        """The widest first. Those with `alert` wait for a person; their message says for what."""
        from broker.wire.cool_downs import CoolDownsView  # noqa: PLC0415 - as for keys

        return CoolDownsView.model_validate(self._line.get("/v1/cool-downs")).items

    def clear(
        self,
        provider: str,
        *,
        reason: str,
        region: str | None = None,
        sku: str | None = None,
        by: str = "operator",
    ) -> tuple[CoolDownView, ...]:
        """Forget what was said there; returns it. Raises NotFound where nothing stands."""
        from broker.wire.cool_downs import CoolDownsView  # noqa: PLC0415 - as for keys

        body = {"provider": provider, "reason": reason, "by": by}
        body |= {name: value for name, value in (("region", region), ("sku", sku)) if value}
        gone = self._line.post("/v1/cool-downs/clear", body, repeatable=False)
        return CoolDownsView.model_validate(gone).items
