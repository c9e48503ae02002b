"""Every refusal as one sentence with its status; never a trace."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from broker.api.replies import json_reply
from broker.ports import KeyTakenError
from broker.steps.authority import Denied, GrantError, UnauthorisedError
from broker.steps.run import TokenError
from broker.steps.submit import InvalidJobError
from broker.store.board import BadCursor
from broker.store.event_log import LostRaceError
from broker.store.schema import WrongRevision
from broker.wire import Fault, Problem
from broker.wire.problems import first_problem

_log: Final = logging.getLogger(__name__)


class DeclinedError(Exception):
    """A call that is refused, with the status and the problem that say so."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(error=Fault(code=code, message=message, field=field))


def unknown(kind: str, name: str) -> DeclinedError:
    return DeclinedError(
        HTTPStatus.NOT_FOUND, "not_found", f"there is no {kind} {name[:100]!r}; check its id"
    )


def may_not(denied: Denied, because: str) -> DeclinedError:
    """Somebody may not speak for a party."""
    missing = denied is Denied.MISSING
    status = HTTPStatus.UNAUTHORIZED if missing else HTTPStatus.FORBIDDEN
    return DeclinedError(status, "unauthorised" if missing else "forbidden", because)


def declined(status: HTTPStatus, code: str, message: str, field: str | None = None) -> Response:
    return json_reply(Problem(error=Fault(code=code, message=message, field=field)), status=status)


async def _declined(_: Request, fault: DeclinedError) -> Response:
    return json_reply(fault.problem, status=fault.status)


async def _misread(request: Request, fault: RequestValidationError) -> Response:
    about_jobs = request.url.path.startswith("/v1/jobs") and request.method in ("POST", "PATCH")
    problem = first_problem(fault.errors(), "invalid_job" if about_jobs else "invalid_request")
    return json_reply(problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)


async def _invalid(request: Request, fault: InvalidJobError) -> Response:
    many = request.url.path.endswith("/batch")
    field = f"jobs[{fault.index}].job.{fault.field}" if many else fault.field
    message = f"{field}: {fault}"
    return declined(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_job", message, field)


async def _key_taken(request: Request, fault: KeyTakenError) -> Response:
    many = request.url.path.endswith("/batch")
    field = f"jobs[{fault.index}].key" if many else "Idempotency-Key"
    return declined(HTTPStatus.CONFLICT, "key_taken", f"{field}: {fault}", field)


async def _bad_cursor(_: Request, fault: BadCursor) -> Response:
    message = f"cursor: {fault}"
    return declined(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message, "cursor")


async def _bad_token(_: Request, fault: TokenError) -> Response:
    return declined(HTTPStatus.CONFLICT, "token_refused", f"token: {fault}", "token")


async def _behind(_: Request, fault: WrongRevision) -> Response:
    return declined(HTTPStatus.SERVICE_UNAVAILABLE, "database_behind", str(fault))


async def _lost_race(_: Request, __: LostRaceError) -> Response:
    message = "somebody else wrote at the same instant and nothing was changed; ask again"
    return declined(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message)


async def _unauthorised(_: Request, fault: UnauthorisedError) -> Response:
    told = may_not(fault.denied, str(fault))
    return json_reply(told.problem, status=told.status)


async def _no_grant(_: Request, fault: GrantError) -> Response:
    return declined(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", str(fault), fault.field)


async def _http(request: Request, fault: HTTPException) -> Response:
    status = HTTPStatus(fault.status_code)
    if status is HTTPStatus.NOT_FOUND:
        message = f"there is nothing at {request.url.path[:200]}; the API is described at /docs"
        return declined(status, "not_found", message)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (fault.headers or {}).get("Allow", "another method")
        message = f"{request.method} is not possible here; use {allowed}"
        return declined(status, "method_not_allowed", message)
    return declined(status, "refused", str(fault.detail))


async def _broken(request: Request, fault: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=fault)
    message = "the broker failed at this, and its own log says why; ask again later"
    return declined(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", message)


_HANDLERS: Final[Mapping[type[Exception], Callable[..., Awaitable[Response]]]] = {
    DeclinedError: _declined,
    RequestValidationError: _misread,
    InvalidJobError: _invalid,
    UnauthorisedError: _unauthorised,
    GrantError: _no_grant,
    KeyTakenError: _key_taken,
    BadCursor: _bad_cursor,
    TokenError: _bad_token,
    WrongRevision: _behind,
    LostRaceError: _lost_race,
    HTTPException: _http,
    Exception: _broken,
}


def answer_errors(app: FastAPI) -> None:
    for kind, answer in _HANDLERS.items():
        app.add_exception_handler(kind, answer)
