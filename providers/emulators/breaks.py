"""How a connection breaks on purpose: it hangs, is reset or is cut, at any byte of a call."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class How(StrEnum):
    HANG = "hang"
    """Nothing more is sent, and nothing is closed."""
    RESET = "reset"
    CUT = "cut"
    """The connection is closed in good order, in the middle of things."""


class Stage(StrEnum):
    CONNECT = "connect"
    """The call arrives, and not a byte of it is read."""
    REQUEST = "request"
    """So many bytes of the request are read."""
    BEFORE = "before"
    """The request is whole; nothing is done."""
    AFTER = "after"
    """All is done, and not a byte of the answer is sent."""
    ANSWER = "answer"
    """So many bytes of the answer are sent."""


UNREAD: Final = frozenset({Stage.CONNECT, Stage.REQUEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """What happens to the connection of one call."""

    how: How
    stage: Stage
    byte: int = 0
    """After how many bytes, where the stage is counted in bytes."""
    operation: str = ""
    """Only for calls of this operation; empty: any. What is not read yet has none."""
    passing: int = 0
    """How many calls go well before it."""
    times: int = 1


def broken_off(connection: socket.socket, how: How) -> None:
    """Let it happen; returns when the caller is gone, or the connection is."""
    if how is How.HANG:
        connection.settimeout(None)
        with suppress(OSError):
            while connection.recv(65536):
                pass
    elif how is How.RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        # Whoever else holds the socket must not say goodbye in good order first.
        os.close(connection.detach())
