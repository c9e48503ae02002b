"""Agreements, as a Python program sees them and puts things on record of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from broker.client.connection import Connection
from broker.domain.place import read_sold

if TYPE_CHECKING:
    from broker.wire import AgreementsView, AgreementView, RecordedView
    from broker.wire.editions import DiscrepanciesView, EditionRecordedView


class Agreements:
    """A record that cannot stand raises BrokerError, and nothing is changed.

    `key` is the secret of the party in `by`, where it was given one.
    """

    def __init__(self, connection: Connection) -> None:
        self._line = connection

    def list(self) -> AgreementsView:
        from broker.wire import AgreementsView  # noqa: PLC0415 - a command line does without

        return AgreementsView.model_validate(self._line.get("/v1/agreements"))

    def show(self, agreement: str) -> AgreementView:
        from broker.wire import AgreementView  # noqa: PLC0415 - as above

        return AgreementView.model_validate(self._line.get(f"/v1/agreements/{agreement}"))

    def record(
        self, agreement: str, edition: Mapping[str, Any], *, by: str, key: str | None = None
    ) -> EditionRecordedView:
        """Put its next edition on record; one that comes late rewrites nothing, and reports."""
        from broker.wire.editions import EditionRecordedView  # noqa: PLC0415 - as above

        path, body = f"/v1/agreements/{agreement}/editions", {"by": by, "edition": dict(edition)}
        return EditionRecordedView.model_validate(
            self._line.post(path, body, _shown(key), repeatable=False)
        )

    def discrepancies(self, agreement: str) -> DiscrepanciesView:
        from broker.wire.editions import DiscrepanciesView  # noqa: PLC0415 - as above

        path = f"/v1/agreements/{agreement}/discrepancies"
        return DiscrepanciesView.model_validate(self._line.get(path))

    def waive(  # noqa: PLR0913 - the fields of a waiver
        self,
        agreement: str,
        *,
        by: str,
        of_clause: str,
        cap_units: int,
        until: datetime,
        since: datetime | None = None,
        match: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the word of the trade
        key: str | None = None,
    ) -> RecordedView:
        """The holder gives up its right for some work, up to a cap."""
        return self._put(
            agreement,
            "waivers",
            {"of_clause": of_clause, "cap_units": cap_units, "match": match, "id": id},
            by,
            key,
            since,
            until,
        )

    def consent(  # noqa: PLR0913 - the fields of a consent
        self,
        agreement: str,
        *,
        by: str,
        of_clause: str,
        since: datetime | None = None,
        until: datetime | None = None,
        match: Mapping[str, Any] | None = None,
        excludes: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - as above
        key: str | None = None,
    ) -> RecordedView:
        """The holder lets some work of an exclusive class go elsewhere."""
        said = {"of_clause": of_clause, "match": match, "excludes": excludes, "id": id}
        return self._put(agreement, "consents", said, by, key, since, until)

    def standing(  # noqa: PLR0913 - the fields of a standing acceptance
        self,
        agreement: str,
        *,
        by: str,
        of_clause: str,
        units: int,
        price_usd_hour: Decimal | str,
        hold: str,
        region: str,
        sku: str,
        until: datetime,
        since: datetime | None = None,
        match: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - as above
        key: str | None = None,
    ) -> RecordedView:
        """The holder accepts some work beforehand, under a hold of its own."""
        said = {
            "of_clause": of_clause,
            "units": units,
            "price_usd_hour": str(price_usd_hour),
            "hold": hold,
            "region": region,
            **read_sold(sku),
            "match": match,
            "id": id,
        }
        return self._put(agreement, "standing-acceptances", said, by, key, since, until)

    def attest(
        self, agreement: str, condition: str, *, by: str, key: str | None = None
    ) -> RecordedView:
        """The party that the edition names says that a condition has come."""
        return self._put(agreement, "attestations", {"condition": condition}, by, key)

    def conflict(  # noqa: PLR0913 - the fields of a conflict
        self,
        agreement: str,
        *,
        by: str,
        tenant: str,
        party: str,
        because: str = "",
        share: Decimal | str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        id: str | None = None,  # noqa: A002 - as above
        key: str | None = None,
    ) -> RecordedView:
        """A party may neither see nor run a tenant's work."""
        owned = None if share is None else str(share)
        said = {"tenant": tenant, "party": party, "because": because, "share": owned, "id": id}
        return self._put(agreement, "conflicts", said, by, key, since, until)

    def stake(  # noqa: PLR0913 - the fields of a stake
        self,
        agreement: str,
        *,
        by: str,
        owner: str,
        supplier: str,
        share: Decimal | str,
        since: datetime | None = None,
        until: datetime | None = None,
        id: str | None = None,  # noqa: A002 - as above
        key: str | None = None,
    ) -> RecordedView:
        """So much of a supplier belongs to a party."""
        said = {"owner": owner, "supplier": supplier, "share": str(share), "id": id}
        return self._put(agreement, "stakes", said, by, key, since, until)

    def revoke(
        self, agreement: str, record: str, *, by: str, key: str | None = None
    ) -> RecordedView:
        """A record ends now; what was placed under it stays."""
        return self._put(agreement, "revoke", {"record": record}, by, key)

    def _put(
        self,
        agreement: str,
        what: str,
        said: Mapping[str, Any],
        by: str,
        key: str | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> RecordedView:
        from broker.wire import RecordedView  # noqa: PLC0415 - as above

        dated = {
            "from": since.isoformat() if since else None,
            "to": until.isoformat() if until else None,
        }
        body = {**said, **dated, "by": by}
        body = {name: value for name, value in body.items() if value is not None}
        path = f"/v1/agreements/{agreement}/{what}"
        return RecordedView.model_validate(
            self._line.post(path, body, _shown(key), repeatable=False)
        )


def _shown(key: str | None) -> dict[str, str] | None:
    return {"Broker-Key": key} if key else None
