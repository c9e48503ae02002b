"""The chain: what is sealed cannot be changed, left out, doubled or cut off unseen."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest

from broker.domain.chain import (
    GENESIS,
    Fact,
    MalformedLine,
    canonical,
    exported,
    read_lines,
    seal,
)
from broker.domain.laws import audit, sentences
from broker.domain.laws.streams import Streams, Tail
from tests.support.logs import NOON, resealed, sealed
from tests.support.stories import a_spilled_job


def broken(facts: list[Fact], head: str | None = None) -> set[str]:
    return {breach.law for breach in audit(facts, head).breaches}


@pytest.fixture
def log() -> list[Fact]:
    return sealed(a_spilled_job().drafts)


def test_a_hash_is_that_of_the_canonical_fact_without_it(log: list[Fact]) -> None:
    for fact in log:
        parts = {name: value for name, value in fact._asdict().items() if name != "hash"}
        assert fact.hash == hashlib.sha256(canonical(parts).encode()).hexdigest()


def test_names_that_need_escapes_are_sealed_alike() -> None:
    stream, at = 'job/"ü"\\\n', "2026-03-02T12:00:00.000000Z"
    parts = {"at": at, "data": {"ä": "€"}, "position": 1, "previous": GENESIS}
    parts |= {"stream": stream, "type": "T", "version": 1}
    whole = hashlib.sha256(canonical(parts).encode()).hexdigest()
    assert seal(1, at, stream, 1, "T", canonical({"ä": "€"}), GENESIS) == whole


def test_a_log_is_read_as_it_was_exported(log: list[Fact]) -> None:
    lines = [exported(fact) + "\n" for fact in log]
    assert list(read_lines(lines)) == log
    names = "position", "at", "stream", "version", "type", "data", "previous", "hash"
    assert tuple(json.loads(lines[0])) == names


def test_canonical_text_is_sorted_tight_and_unescaped() -> None:
    assert canonical({"b": [1, None, True], "a": "ü"}) == '{"a":"ü","b":[1,null,true]}'


@pytest.mark.parametrize("value", [1.0, float("nan"), {"a": [0.5]}, {1: "a"}, object()])
def test_what_has_no_single_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_a_changed_fact_does_not_fit_its_hash(log: list[Fact]) -> None:
    log[3] = log[3]._replace(data={**log[3].data, "how": "deemed"})
    assert broken(log) == {"I26"}
    assert audit(log).breaches[0].positions == (4,)


def test_a_changed_fact_with_a_new_hash_does_not_fit_the_next(log: list[Fact]) -> None:
    log[3] = resealed([*log[:3], log[3]._replace(data={**log[3].data, "how": "deemed"})])[3]
    assert broken(log) == {"I26"}
    assert audit(log).breaches[0].positions == (4, 5)


def test_a_log_chained_anew_differs_from_its_published_head(log: list[Fact]) -> None:
    head = log[-1].hash
    log[3] = log[3]._replace(data={**log[3].data, "how": "deemed"})
    assert broken(resealed(log)) == set()
    assert broken(resealed(log), head) == {"I26"}


def test_a_cut_end_shows_against_the_head(log: list[Fact]) -> None:
    head = log[-1].hash
    assert broken(log, head) == set()
    assert broken(log[:-1]) == set()
    assert broken(log[:-1], head) == {"I26"}
    assert head in sentences(audit(log[:-1], head))[-1]
    assert broken([], head) == {"I26"}


def test_a_cut_beginning_shows(log: list[Fact]) -> None:
    assert "I26" in broken(log[1:])


def test_a_missing_line_breaks_positions_and_versions(log: list[Fact]) -> None:
    """Both numbers at once: every fact has a position in the chain and a version in its stream."""
    started = next(fact for fact in log if fact.type == "JobStarted")
    log.remove(started)
    assert broken(log) == {"I26", "I27"}


def test_a_missing_fact_shows_though_the_log_is_chained_anew(log: list[Fact]) -> None:
    started = next(fact for fact in log if fact.type == "JobStarted")
    log.remove(started)
    assert broken(resealed(log)) == {"I27"}


def test_a_version_that_is_there_twice_breaks_one_law(log: list[Fact]) -> None:
    started = next(fact for fact in log if fact.type == "JobStarted")
    log.insert(log.index(started), started)
    assert broken(resealed(log)) == {"I27"}


def test_a_fact_that_lacks_what_the_laws_read_is_told_not_raised(log: list[Fact]) -> None:
    offer = next(fact for fact in log if fact.type == "OfferDelivered")
    log[log.index(offer)] = offer._replace(data={"offer": "o1", "how": "ack"})
    assert "I26" in broken(resealed(log))
    assert any("lacks 'expires_at'" in told for told in sentences(audit(resealed(log))))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Line 2 is no JSON"),
        ("[]", "Line 2 is no object"),
        ('{"position":1}', "Line 2 lacks 'at'"),
        ('{"price":1.5}', "Line 2 is no JSON that a log may hold: 1.5 is a float"),
        ("[" * 100_000, "Line 2 is no JSON"),
    ],
)
def test_a_malformed_line_is_named(log: list[Fact], line: str, said: str) -> None:
    with pytest.raises(MalformedLine, match="Line 2") as told:
        list(read_lines([exported(log[0]), line]))
    assert str(told.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("position", "1", "Line 1 has a 'position' that is no whole number."),
        ("version", True, "Line 1 has a 'version' that is no whole number."),
        ("data", [], "Line 1 has a 'data' that is no object."),
        ("at", "noon", "Line 1 has an 'at' that is no instant."),
        ("stream", "\ud800", "Line 1 holds half a character; it is no UTF-8."),
        ("extra", 1, "Line 1 has an unknown name 'extra'; a fact has exactly position, at"),
    ],
)
def test_a_wrong_part_is_named(log: list[Fact], name: str, value: object, said: str) -> None:
    with pytest.raises(MalformedLine) as told:
        list(read_lines([json.dumps({**log[0]._asdict(), name: value})]))
    assert str(told.value).startswith(said)


def a_late_answer_after_the_end() -> list[Fact]:
    """The job is over and its stream closed; an answer to its offer still comes in."""
    story = a_spilled_job()
    story.after(60)
    story.job().tell("AnswerRejected", offer="o1", answer="a9", why="duplicate", because="over")
    return sealed(story.drafts)


def test_what_is_told_after_a_jobs_end_goes_on_with_its_versions() -> None:
    assert audit(a_late_answer_after_the_end()).holds


@pytest.mark.parametrize("version", [-1, 1])
def test_a_closed_stream_is_still_dense(version: int) -> None:
    facts = a_late_answer_after_the_end()
    facts[-1] = facts[-1]._replace(version=facts[-1].version + version)
    assert {breach.law for breach in audit(resealed(facts)).breaches} == {"I27"}


def test_a_closed_stream_still_does_not_go_backwards() -> None:
    facts = a_late_answer_after_the_end()
    facts[-1] = facts[-1]._replace(at=facts[0].at)
    assert {breach.law for breach in audit(resealed(facts)).breaches} == {"I34"}


def test_an_audit_keeps_little_of_jobs_that_are_over() -> None:
    streams = Streams()
    for number in range(1000):
        streams.note(f"job/{number}", 7, NOON, number)
        streams.close(f"job/{number}")
    assert sys.getsizeof(streams._closed) < 30 * 1000  # noqa: SLF001 - what is promised of it
    assert streams.tail("job/500", 8) == Tail(7, NOON, 0)
