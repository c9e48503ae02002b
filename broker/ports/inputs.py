"""What a transaction is given to keep, and how it holds what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from broker.domain.values import JobId, LeaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """A piece of what a command wrote, as its agent sent it."""

    job: JobId
    unit: int
    lease: LeaseId
    seq: int
    """Counts within the lease, from 1."""
    at: str
    stream: str
    """`out` or `err`."""
    text: str


class SubmissionKey(NamedTuple):
    """The name under which a tenant submits, and the digest of what it submitted under it."""

    name: str
    digest: str


class KeyTakenError(Exception):
    """A key that stands for another submission already; nothing was taken in."""

    def __init__(self, key: str, job: str, index: int) -> None:
        super().__init__(
            f"the idempotency key {key!r} stands for {job} already, and that one asks for "
            "something else; submit this one under a key of its own"
        )
        self.index = index


class Lock(Enum):
    """How what is read of a register is kept from changing until a transaction ends."""

    NONE = "none"
    """It is only looked at."""
    READ = "read"
    """It is decided by: nobody changes what it says, and others may decide by it too."""
    DRAW = "draw"
    """Nobody else draws from it."""
    CHANGE = "change"
    """Nobody else draws from it, and nobody decides by it."""
