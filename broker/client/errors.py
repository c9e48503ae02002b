"""What can go wrong, as a small tree; each error says what to do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import cached_property


class BrokerError(Exception):
    """The broker said no, or could not be asked."""

    code = "broker_error"
    """Stable, for programs."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        field: str | None = None,
        explanation: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.hint = hint
        """What to do."""
        self.field = field
        """The path of what is wrong in what was sent: `resources.gpu`."""
        self.explanation = explanation or message


class InvalidJob(BrokerError):
    """What was sent cannot be; `field` names the place."""

    code = "invalid_job"


class KeyTaken(BrokerError):
    """The idempotency key stands for a job that asks for something else; nothing was taken."""

    code = "key_taken"


class NotAuthorised(BrokerError):
    code = "not_authorised"


class NotFound(BrokerError):
    code = "not_found"


class NoCapacity(BrokerError):
    """The job was unmet: no machines were found in the time it was given."""

    code = "no_capacity"


class JobFailed(BrokerError):
    code = "job_failed"

    def __init__(
        self, message: str, *, exit_code: int | None, tail: Callable[[], str] | None = None
    ) -> None:
        super().__init__(message, hint="read its last lines in log_tail, or all of them in logs()")
        self.exit_code = exit_code
        """What the command returned; None where it never did."""
        self._tail = tail

    @cached_property
    def log_tail(self) -> str:
        """The last lines of its output, fetched when they are asked for."""
        return self._tail() if self._tail else ""


class JobCancelled(BrokerError, CancelledError):
    code = "job_cancelled"


class BrokerUnavailable(BrokerError):
    """Nobody answers there, or the answer got lost."""

    code = "broker_unavailable"
