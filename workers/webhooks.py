"""A notice on its way to a webhook, and what its fate proves.

The holder's silence is told from our own fault by what came back. A refused or broken connection,
a reply that does not come, and a 5xx show that our network works and its endpoint does not. An
unknown host, an unreachable net, a certificate that does not hold, a redirect and a 4xx are ours.
A connection that is never made is the holder's only if a witness can be reached at that time.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Final

import httpx2

from broker.domain.notice import Notice
from broker.domain.signing import webhook_signature
from broker.ports import Posted, Took, Unheard, Untold, Webhook

CONNECT_S: Final = 5.0
ANSWER_S: Final = 10.0
_AWAY: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE})
_BROKEN_OFF: Final = (
    httpx2.ReadTimeout,
    httpx2.WriteTimeout,
    httpx2.ReadError,
    httpx2.WriteError,
    httpx2.RemoteProtocolError,
)


class Poster:
    """Posts notices. `witness` is HOST:PORT of what answers whenever our network works."""

    def __init__(
        self,
        witness: str | None = None,
        *,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._witness = witness
        self._timeout = httpx2.Timeout(answer_s, connect=connect_s)

    def __call__(self, webhook: Webhook, notice: Notice, now: datetime) -> Posted:
        body, timestamp = notice.body.encode(), int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "capacity-broker",
            "webhook-id": notice.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": webhook_signature(webhook.secret, notice.id, timestamp, body),
        }
        try:
            with (
                httpx2.Client(timeout=self._timeout, trust_env=False) as client,
                client.stream("POST", webhook.url, content=body, headers=headers) as answer,
            ):
                return _judged(answer.status_code)
        except _BROKEN_OFF as broken:
            return Unheard(f"the webhook broke off: {type(broken).__name__}")
        except httpx2.ConnectTimeout:
            return self._never_reached()
        except (httpx2.ConnectError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as broken:
            away = next((e for e in _causes(broken) if isinstance(e, OSError)), None)
            if away is not None and away.errno in _AWAY:
                return Unheard("the webhook refuses connections")
            return Untold(f"the webhook cannot be reached from here: {broken}"[:500])

    def _never_reached(self) -> Posted:
        if self._witness is None:
            return Untold(
                "no connection to the webhook comes about, and nothing shows that our network "
                "works: set network_witness"
            )
        host, _, port = self._witness.rpartition(":")
        try:
            socket.create_connection((host, int(port)), CONNECT_S).close()
        except (OSError, ValueError):
            return Untold("neither the webhook nor the network's witness can be reached")
        return Unheard("the webhook takes no connection, while the network's witness does")


def _judged(status: int) -> Posted:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Took()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unheard(f"the webhook answers {status}")
    if status < HTTPStatus.BAD_REQUEST:
        return Untold(f"the webhook answers {status}, and redirects are not followed: mend its URL")
    return Untold(f"the webhook answers {status}: mend its URL or its secret")


def _causes(broken: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = broken
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
