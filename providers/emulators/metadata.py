"""Where a local machine asks about itself, as on each cloud's link-local address."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

from providers.emulators.cloud import Cloud, CloudMachine, MachineState
from providers.emulators.wire import Reply, Request, Route, json_reply

_MACHINE: Final = r"/machines/(?P<id>\w+)"
_HELD_S: Final = 60.0
_LIVES: Final = frozenset({MachineState.RUNNING, MachineState.STOPPING})


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the machines of a cloud ask, by the machine's number; no customer knows this address.

    Oracle tells a machine nothing of its end, and has no such paths.
    """

    cloud: Cloud
    name: str
    _tokens: set[str] = field(default_factory=set)

    def routes(self) -> Iterable[Route]:
        match self.name:
            case "azure":
                yield self._route("GET", "/metadata/scheduledevents", self._events)
            case "aws":
                yield self._route("PUT", "/latest/api/token", self._token)
                yield self._route("GET", "/latest/meta-data/spot/instance-action", self._action)
            case "gcp":
                yield self._route("GET", "/computeMetadata/v1/instance/preempted", self._preempted)
            case _:
                pass

    def no_route(self, request: Request) -> Reply:
        return _text(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path}")

    def _route(
        self, verb: str, path: str, answer: Callable[[Request, CloudMachine], Reply]
    ) -> Route:
        def found(request: Request, id: str) -> Reply:  # noqa: A002 - the name of the group
            machine = self.cloud.get(id)
            if machine is None or machine.state not in _LIVES:
                return _text(HTTPStatus.NOT_FOUND, "")
            return answer(request, machine)

        return Route(verb, _MACHINE + path, found)

    def _events(self, request: Request, machine: CloudMachine) -> Reply:
        if request.headers.get("metadata") != "true" or "api-version" not in request.query:
            return json_reply(400, {"error": "Bad request. Metadata header or version is missing."})
        until, events = machine.notice_until_s, []
        if until is not None:
            event = {
                "EventId": machine.id,
                "EventStatus": "Scheduled",
                "EventType": "Preempt",
                "ResourceType": "VirtualMachine",
                "Resources": [machine.name.rpartition("/")[2]],
                "NotBefore": format_datetime(datetime.fromtimestamp(until, UTC), usegmt=True),
                "EventSource": "Platform",
                "DurationInSeconds": -1,
            }
            events.append(event)
        return json_reply(200, {"DocumentIncarnation": len(events), "Events": events})

    def _token(self, request: Request, machine: CloudMachine) -> Reply:
        if "x-aws-ec2-metadata-token-ttl-seconds" not in request.headers:
            return _text(HTTPStatus.BAD_REQUEST, "")
        token = f"{machine.id}.{secrets.token_urlsafe(16)}"
        self._tokens.add(token)
        return _text(HTTPStatus.OK, token)

    def _action(self, request: Request, machine: CloudMachine) -> Reply:
        token = request.headers.get("x-aws-ec2-metadata-token", "")
        if token not in self._tokens or not token.startswith(f"{machine.id}."):
            return _text(HTTPStatus.UNAUTHORIZED, "")
        if machine.notice_until_s is None:
            return _text(HTTPStatus.NOT_FOUND, "")
        at = datetime.fromtimestamp(machine.notice_until_s, UTC)
        told = {"action": "terminate", "time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return _text(HTTPStatus.OK, json.dumps(told))

    def _preempted(self, request: Request, machine: CloudMachine) -> Reply:
        if request.headers.get("metadata-flavor") != "Google":
            return _text(HTTPStatus.FORBIDDEN, "Missing Metadata-Flavor:Google header.")
        known = request.query.get("last_etag", "")
        if request.query.get("wait_for_change") == "true" and known == _etag(machine):
            wait = min(float(request.query.get("timeout_sec", _HELD_S)), _HELD_S)
            machine = self.cloud.noticed(machine.id, wait) or machine
        said = "FALSE" if machine.notice_until_s is None else "TRUE"
        return _text(HTTPStatus.OK, said, {"ETag": _etag(machine), "Metadata-Flavor": "Google"})


def _etag(machine: CloudMachine) -> str:
    return f"{machine.id}-{'kept' if machine.notice_until_s is None else 'preempted'}"


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": "text/plain", **(headers or {})}, text.encode())
