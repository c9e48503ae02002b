"""The line to a broker: requests, their errors, and the repetition of what may be repeated."""

from __future__ import annotations

import json
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from broker.client.errors import (
    BrokerError,
    BrokerUnavailable,
    InvalidJob,
    KeyTaken,
    NotAuthorised,
    NotFound,
)

TIMEOUT_S: Final = 60.0
_PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0)
_BUSY: Final = frozenset({429, 502, 503, 504})
_KINDS: Final[Mapping[int, type[BrokerError]]] = {
    400: InvalidJob,
    401: NotAuthorised,
    403: NotAuthorised,
    404: NotFound,
    413: InvalidJob,
    415: InvalidJob,
    422: InvalidJob,
}
_BY_CODE: Final[Mapping[str, type[BrokerError]]] = {KeyTaken.code: KeyTaken}
_FINE: Final = range(200, 300)


class Connection:
    """Calls to one broker, from any number of threads."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BrokerError(
                f"{url!r} is no address of a broker; write it as http://127.0.0.1:8080",
                code="invalid_settings",
            )
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._host, self._port = parts.hostname, port
        self._secure, self._base = parts.scheme == "https", parts.path.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout_s = timeout_s
        self._idle: deque[HTTPConnection] = deque()
        self._closed = Event()

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - this is where JSON comes in
        """Raises BrokerError."""
        asked = {name: value for name, value in query.items() if value is not None}
        whole = f"{path}?{urlencode(asked, doseq=True)}" if asked else path
        return self._call("GET", whole, None, {}, again=True)

    def post(
        self,
        path: str,
        body: object,
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool,
    ) -> Any:  # noqa: ANN401 - this is where JSON comes in
        """Send JSON. `repeatable` says that sending it twice is sending it once."""
        return self._call("POST", path, json.dumps(body).encode(), headers or {}, again=repeatable)

    def patch(self, path: str, body: object) -> Any:  # noqa: ANN401 - as above
        """Send JSON; sending it twice is sending it once."""
        return self._call("PATCH", path, json.dumps(body).encode(), {}, again=True)

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """The items of a listing, page by page."""
        cursor = None
        while True:
            page = self.get(path, **query, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def close(self) -> None:
        self._closed.set()
        while self._idle:
            self._idle.pop().close()

    def _call(
        self, method: str, path: str, body: bytes | None, extra: Mapping[str, str], *, again: bool
    ) -> Any:  # noqa: ANN401
        headers = {**self._headers, **extra}
        if body is not None:
            headers["Content-Type"] = "application/json"
        for pause in (*_PAUSES_S, None):
            try:
                status, text = self._once(method, self._base + path, body, headers, reuse=again)
            except ConnectionRefusedError:
                raise BrokerUnavailable(
                    f"no broker answers at {self.url}",
                    hint="start one with `broker up`, or name one in BROKER_URL",
                ) from None
            except (OSError, HTTPException) as broken:
                if pause is None or not again or self._closed.wait(pause):
                    raise BrokerUnavailable(
                        f"the line to {self.url} broke: {str(broken) or type(broken).__name__}",
                        hint="ask again; what was sent may have arrived",
                    ) from None
                continue
            if status in _BUSY and again and pause is not None and not self._closed.wait(pause):
                continue
            return self._read(status, text)
        raise AssertionError("the last try returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        reuse: bool,
    ) -> tuple[int, bytes]:
        """One exchange. An idle line may be dead, so only what is repeatable goes over one."""
        line = self._line(reuse=reuse)
        try:
            line.request(method, path, body, dict(headers))
            answer: HTTPResponse = line.getresponse()
            text = answer.read()
        except BaseException:
            line.close()
            raise
        if answer.will_close or self._closed.is_set():
            line.close()
        else:
            self._idle.append(line)
        return answer.status, text

    def _line(self, *, reuse: bool) -> HTTPConnection:
        if reuse:
            try:
                return self._idle.pop()
            except IndexError:
                pass
        if self._secure:
            context = ssl.create_default_context()
            return HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return HTTPConnection(self._host, self._port, timeout=self._timeout_s)

    def _read(self, status: int, text: bytes) -> Any:  # noqa: ANN401
        try:
            answer = json.loads(text) if text else None
        except ValueError:
            answer = None
        if status in _FINE and answer is not None:
            return answer
        raise _error(status, answer, self.url)


def _error(status: int, answer: object, url: str) -> BrokerError:
    fault = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(fault, dict):
        if status in _BUSY:
            return BrokerUnavailable(f"the broker at {url} is busy ({status})", hint="ask again")
        return BrokerError(f"{url} answered {status}, which a broker does not", code="not_a_broker")
    usual = BrokerUnavailable if status in _BUSY else _KINDS.get(status, BrokerError)
    kind = _BY_CODE.get(str(fault.get("code")), usual)
    return kind(
        str(fault.get("message", f"refused with {status}")),
        code=fault.get("code"),
        hint=fault.get("hint"),
        field=fault.get("field"),
    )
