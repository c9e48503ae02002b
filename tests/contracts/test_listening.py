"""Whatever is said to a local cloud is heard, in this process and from others, and judged once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from providers.emulators import gcp
from providers.emulators.cloud import Cloud
from providers.emulators.transcript import Transcript, cloud_of
from providers.emulators.wire import Face, Reply, Request, Route, json_reply
from tests.support.specs.listening import Listener, shown


@dataclass(frozen=True)
class InFront:
    """A face that adds nothing to the one behind it."""

    face: Face

    def routes(self) -> Iterable[Route]:
        return self.face.routes()

    def no_route(self, request: Request) -> Reply:
        return self.face.no_route(request)


@pytest.fixture
def face() -> Face:
    return gcp.open_account(Cloud(stock={}))[0]


@pytest.fixture
def ear(tmp_path: Path) -> Listener:
    """One of this test's own: what it hears is no fault of this test's."""
    return Listener(tmp_path / "transcript.jsonl")


def a_request(path: str = "/compute/v1/projects/p/zones/z/instances/i") -> Request:
    headers = {"authorization": "Bearer t"}
    return Request("GET", path, {}, headers, b"", path)


GOOD = json_reply(200, {"kind": "compute#instance", "status": "RUNNING"})
BAD = json_reply(200, {"kind": "compute#instance", "state": "RUNNING"})
SAID = "gcp: compute.instances.get, answer: state is unknown"


def test_what_conforms_is_nothing_to_tell_of(ear: Listener, face: Face) -> None:
    ear.heard(face, a_request(), GOOD)
    assert ear.complaints() == []


def test_what_does_not_is_told_once(ear: Listener, face: Face) -> None:
    ear.heard(face, a_request(), BAD)
    ear.heard(face, a_request(), BAD)
    assert ear.complaints() == [SAID]
    assert ear.complaints() == []


def test_an_operation_that_does_not_exist_is_told(ear: Listener, face: Face) -> None:
    ear.heard(face, a_request("/compute/v1/projects/p/machines"), GOOD)
    (said,) = ear.complaints()
    assert said == "gcp: request: GET /compute/v1/projects/p/machines is no operation"


def test_a_face_behind_another_is_heard_too(ear: Listener, face: Face) -> None:
    assert cloud_of(InFront(InFront(face))) == "gcp"
    ear.heard(InFront(face), a_request(), BAD)
    assert ear.complaints() == [SAID]


def test_a_face_of_a_test_s_own_is_no_cloud(ear: Listener) -> None:
    class Shop:
        def routes(self) -> Iterable[Route]:
            return ()

        def no_route(self, request: Request) -> Reply:
            return json_reply(404)

    ear.heard(Shop(), a_request(), BAD)
    assert ear.complaints() == []


def test_what_another_process_wrote_is_heard_as_soon_as_the_line_is_whole(
    ear: Listener, face: Face
) -> None:
    with Transcript(ear.transcript) as transcript:
        transcript.heard(face, a_request(), GOOD)
        assert ear.complaints() == []
        transcript.heard(face, a_request(), BAD)
    written = ear.transcript.read_bytes()
    ear.transcript.write_bytes(written[:-1])
    assert ear.complaints() == []
    ear.transcript.write_bytes(written)
    assert ear.complaints() == [SAID]
    assert [json.loads(line)["cloud"] for line in written.splitlines()] == ["gcp", "gcp"]


def test_a_long_list_is_shown_by_its_beginning() -> None:
    lines = shown([f"said {number}" for number in range(20)]).splitlines()
    assert (lines[1], lines[-1], len(lines)) == ("said 0", "and 8 more", 14)
