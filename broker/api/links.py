"""Signed links: made, and read again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from broker.api.context import ApiContext
from broker.api.errors import DeclinedError
from broker.domain.key import LinkOf
from broker.domain.link import Link, LinkTo
from broker.domain.values import KeyId
from broker.wire import LinkBody, LinkView

_MANGLED = "this link is not one of ours, or was changed on its way; ask for a new one"


def signed_link(here: ApiContext, to: LinkTo, name: str, version: int, body: LinkBody) -> LinkView:
    """Raises DeclinedError where the key it is to stand for is not there, or not good."""
    with here.store.transaction() as tx:
        now = tx.now
        key = next((k for k in tx.party_keys() if k.id == body.key), None)
    if body.key is not None:
        flaw = "there is no such key" if key is None else key.flaw(key.party, (key.role,), now)
        if flaw:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            raise DeclinedError(status, "invalid_request", f"key: {flaw}", field="key")
    until = int(now.timestamp()) + body.valid_s
    link = Link(
        to=to,
        name=name,
        version=version,
        key=None if body.key is None else KeyId(body.key),
        until=until,
    )
    folder = "/desk/notices/" if to is LinkTo.NOTICE else "/desk/"
    url = f"{here.public_url.rstrip('/')}{folder}{name}?{query_of(link, here.secret)}"
    return LinkView(url=url, expires_at=datetime.fromtimestamp(until, UTC))


def query_of(link: Link, secret: bytes) -> str:
    said = {"v": link.version, "until": link.until} | ({"key": link.key} if link.key else {})
    return urlencode({**said, "sig": link.signature(secret)})


def read_link(
    to: LinkTo, name: str, query: Mapping[str, str], here: ApiContext, now: datetime
) -> tuple[Link, LinkOf]:
    """The link that was followed. Raises DeclinedError for one that is forged or over."""
    version, until = query.get("v", ""), query.get("until", "")
    if not (version.isdecimal() and until.isdecimal() and max(len(version), len(until)) < 12):  # noqa: PLR2004 - no instant of ours is longer
        raise DeclinedError(HTTPStatus.FORBIDDEN, "forbidden", _MANGLED)
    key = KeyId(query["key"]) if query.get("key") else None
    link = Link(to=to, name=name, version=int(version), key=key, until=int(until))
    if not link.is_signed(query.get("sig", ""), here.secret):
        raise DeclinedError(HTTPStatus.FORBIDDEN, "forbidden", _MANGLED)
    if link.over(now):
        ended = datetime.fromtimestamp(link.until, UTC).isoformat()
        message = f"this link was good until {ended}; ask for a new one"
        raise DeclinedError(HTTPStatus.GONE, "link_over", message)
    return link, LinkOf(key)
