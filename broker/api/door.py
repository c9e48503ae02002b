"""Who may come in: the host that is asked for, the page that asks, the token that is shown."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from fastapi import Header, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.api.context import ApiContext
from broker.api.errors import declined

OPEN_TO_ALL: Final = frozenset({"/v1/health"})
FOR_AGENTS: Final = "/v1/agent/"
"""Agents show tokens of their own."""
HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
FOR_PARTIES: Final[Mapping[str, frozenset[str]]] = {
    "/v1/notices/": frozenset({""}),
    "/v1/offers/": frozenset({"notice", "answer"}),
    "/v1/jobs/": frozenset({"reclaim"}),
    "/v1/agreements/": frozenset(
        {
            "waivers",
            "consents",
            "standing-acceptances",
            "attestations",
            "conflicts",
            "stakes",
            "revoke",
            "editions",
        }
    ),
}
"""What a party may call with its own key, in place of the token, which is not its to have.

How paths begin, and the words they end with after the name of the thing.
"""
BY_LINK: Final = "/desk/"
"""Pages that a signed link opens."""
KEY_HEADER: Final = "Broker-Key"
PartyKey: TypeAlias = Annotated[str | None, Header(alias=KEY_HEADER, max_length=512)]
"""The secret of a party's key, where it was given one."""
LARGEST_BODY: Final = 64 * 2**20


class Door:
    """Stands before the app, and before anything of a request is read."""

    def __init__(self, app: ASGIApp, context: ApiContext) -> None:
        self._app = app
        self._token = None if context.token is None else context.token.encode()
        self._public = context.public_host
        public_host = urlsplit(context.public_url).hostname
        self._hosts = HERE | {public_host} if context.loopback else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            refusal = self._refusal(scope["path"], headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> Response | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._hosts is not None and _name(host) not in self._hosts:
            message = "this broker is for its own computer; ask it as 127.0.0.1"
            return declined(HTTPStatus.FORBIDDEN, "foreign_host", message)
        origin = headers.get(b"origin")
        if origin is not None and not self._ours(origin.decode("latin-1").lower(), host):
            message = "a page from elsewhere may not call this broker"
            return declined(HTTPStatus.FORBIDDEN, "foreign_origin", message)
        if not self._known(path, headers):
            message = "show the broker's token: `Authorization: Bearer ...`, or set BROKER_TOKEN"
            return declined(HTTPStatus.UNAUTHORIZED, "not_authorised", message)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > LARGEST_BODY:
            message = f"the body has more than {LARGEST_BODY} bytes; send it in parts"
            return declined(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message)
        return None

    def _known(self, path: str, headers: dict[bytes, bytes]) -> bool:
        if self._token is None or path in OPEN_TO_ALL or path.startswith((FOR_AGENTS, BY_LINK)):
            return True
        if KEY_HEADER.lower().encode() in headers and _for_a_party(path):
            return True  # the step looks at the key, and takes none that is wrong
        kind, _, token = headers.get(b"authorization", b"").partition(b" ")
        return kind.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token)

    def _ours(self, origin: str, host: str) -> bool:
        netloc = origin.partition("://")[2]
        return bool(netloc) and netloc in (host, self._public)


def _for_a_party(path: str) -> bool:
    for begin, words in FOR_PARTIES.items():
        if path.startswith(begin):
            _, slash, word = path.removeprefix(begin).rpartition("/")
            return (word if slash else "") in words
    return False


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
