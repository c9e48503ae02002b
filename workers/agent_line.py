"""The agent's line to its broker; a part of the one file that a machine is sent."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

TYPE_CHECKING = False  # importing typing would lengthen the start
if TYPE_CHECKING:
    from typing import Any

OK, FINAL_STATUSES = 200, (401, 403, 404, 409, 410)
CONNECT_S, READ_S = 10.0, 30.0


class RefusedError(Exception):
    """The broker does not know this machine; asking again is useless."""


class Line:
    """One connection, kept open; every call is bounded in time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.line: Any = kind(parts.hostname or "", parts.port, timeout=CONNECT_S)
        self.base, self.address = parts.path.rstrip("/") + "/v1/agent/", ""
        self.headers = {"Content-Type": "application/json"}

    def call(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """The broker's answer. Raises RefusedError when it is final, else one of FAULTS."""
        payload = json.dumps(body, ensure_ascii=False).encode()
        try:
            if not self.line.sock:
                self.line.connect()
                self.line.sock.settimeout(READ_S)
                self.address = self.line.sock.getsockname()[0]
            self.line.request("POST", self.base + verb, payload, self.headers)
            with self.line.getresponse() as response:
                status, text = response.status, response.read()
        except (OSError, HTTPException):
            self.line.close()
            raise
        if status != OK:
            raise (RefusedError if status in FINAL_STATUSES else ValueError)(f"{verb}: {status}")
        return dict(json.loads(text))
