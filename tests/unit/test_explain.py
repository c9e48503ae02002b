"""The story of a job, told from its facts alone."""

from __future__ import annotations

import json

import pytest

from broker.agreements.read import read_recorded
from broker.domain.explain import explain
from broker.domain.explanation import Explanation, Verdict, span
from broker.domain.values import ProviderName
from broker.domain.workload import Limits
from tests.support import lease_stories, stories
from tests.support.broker import AWS, EAST, GCP, ORACLE, a_broker, work
from tests.support.logs import Story, sealed
from tests.support.spoils import cut_after


def the_story(story: Story, job: str = "j1") -> Explanation:
    return explain(sealed(story.drafts), job)


def verdicts(said: Explanation) -> list[tuple[str, Verdict]]:
    return [(row.provider, row.verdict) for row in said.asked]


def test_a_spilled_job_names_who_refused_and_who_took_it() -> None:
    said = the_story(stories.a_spilled_job())
    place, offer, bought = said.asked
    assert (place.place, place.verdict, place.because) == (
        "azure eu-west nd8",
        Verdict.REFUSED,
        "AllocationFailed",
    )
    assert (offer.verdict, offer.after_s, offer.clause) == (Verdict.REFUSED, 61, "new-capacity")
    assert (bought.place, bought.basis, bought.cites) == ("aws eu-central-1 p4", "refusal", ("o1",))
    assert said.state == "finished"
    assert said.placed_after_s == 123
    assert said.holder_wait_s == 61


def test_a_kept_job_tells_its_loss_and_that_the_holder_was_asked_again() -> None:
    said = the_story(stories.a_kept_job())
    assert verdicts(said) == [
        ("azure", Verdict.ACCEPTED),
        ("azure", Verdict.LOST),
        ("azure", Verdict.ACCEPTED),
        ("azure", Verdict.PLACED),
    ]


def test_a_renewed_job_ran_on_and_nobody_waited_for_the_holder() -> None:
    said = the_story(lease_stories.a_renewed_job())
    assert verdicts(said)[-1] == ("aws", Verdict.PLACED)
    assert said.asked[-1].because == "its lease was renewed where it ran"
    assert said.holder_wait_s == 61


def test_a_moved_job_tells_what_it_left_and_that_the_old_lease_was_fenced() -> None:
    said = the_story(lease_stories.a_moved_job())
    left = next(row for row in said.asked if row.verdict is Verdict.LET_GO)
    assert (left.provider, left.because) == (
        "aws",
        "the unit moved to the holder; this lease was fenced first",
    )
    assert said.headline.startswith("finished, placed on azure")


def test_a_unit_asked_back_says_so_while_it_moves() -> None:
    story = lease_stories.a_reclaimed_job()
    cut_after("MigrationBegun")(story.drafts)
    said = the_story(story)
    moving = next(row for row in said.asked if row.verdict is Verdict.COMMITTED)
    assert moving.because.startswith("the holder asked it back")


def test_a_job_accepted_in_part_says_so_and_tells_the_refusal_of_the_first_third_party() -> None:
    said = the_story(stories.a_shared_job())
    assert verdicts(said) == [
        ("azure", Verdict.ACCEPTED_IN_PART),
        ("azure", Verdict.PLACED),
        ("aws", Verdict.REFUSED),
        ("gcp", Verdict.PLACED),
    ]
    assert said.asked[0].because == "1 of 3 units"
    assert said.asked[2].because == "Insufficient"


def test_silence_is_a_lapse() -> None:
    assert verdicts(the_story(stories.a_lapsed_gang()))[0] == ("azure", Verdict.LAPSED)


def test_an_acceptance_that_is_not_delivered_is_told() -> None:
    said = the_story(stories.a_defaulted_job())
    assert said.asked[0].because == "1 unit accepted and not delivered"
    assert said.asked[-1].basis == "default"


def test_a_standing_refusal_is_told_with_its_age() -> None:
    standing = the_story(stories.a_standing_refusal()).asked[0]
    assert standing.verdict is Verdict.STANDING_REFUSAL
    assert standing.because.startswith("AllocationFailed, 1 min 00 s old")
    assert standing.cites == ("r1",)


def test_a_job_on_offer_says_until_when() -> None:
    story = Story().edition()
    story.job().submitted().offered("o1", 0).after(1).delivered("o1")
    said = the_story(story)
    assert said.state == "queued"
    assert "offered to azure, window 10 min 00 s" in said.headline


def test_a_late_answer_is_told_as_rejected() -> None:
    story = Story().edition()
    job = story.job().submitted().offered("o1", 0).after(1).delivered("o1").after(900)
    job.tell("AnswerRejected", offer="o1", answer="a1", why="late", because="the window ended")
    rows = {row.verdict: row.because for row in the_story(story).asked}
    assert rows[Verdict.ANSWER_REJECTED] == "late: the window ended"


def test_other_jobs_are_no_part_of_the_story() -> None:
    story = stories.a_spilled_job()
    story.job("j2").submitted().offered("o9", 0).delivered("o9")
    assert the_story(story) == the_story(stories.a_spilled_job())


def test_every_row_names_facts_that_are_there() -> None:
    facts = sealed(stories.a_shared_job().drafts)
    said = explain(facts, "j1")
    known = {fact.position for fact in facts}
    assert all(row.positions and known.issuperset(row.positions) for row in said.asked)


def test_an_explanation_survives_the_wire() -> None:
    said = the_story(stories.a_spilled_job())
    assert Explanation.from_json(json.loads(json.dumps(said.as_json()))) == said


def test_the_text_is_a_table_that_names_its_proof() -> None:
    text = the_story(stories.a_spilled_job()).text()
    assert "azure eu-west nd8" in text
    assert "log #3-#19" in text


def test_places_that_were_not_asked_are_told_with_the_reason() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 1, ORACLE: 1}) as broker:
        broker.placed(work())
        (job,) = broker.placed(work(limits=Limits(exclude=(ProviderName.ORACLE,))))
        said = explain(broker.facts(), job, read_recorded)
    told = {row.provider: (row.verdict, row.because) for row in said.not_asked}
    assert told["oracle"] == ("offer", "limits.exclude leaves it out")
    assert told["aws"][1].startswith("stood refused: ")
    assert said.would_change == ("without limits.exclude, 1 more place could be asked",)
    assert "not asked" in said.text()


def test_a_cheaper_place_is_told_that_the_holder_came_first() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        (job,) = broker.placed(work())
        said = explain(broker.facts(), job, read_recorded)
    assert [(row.provider, row.because) for row in said.not_asked] == [
        ("aws", "the holder was asked first and took the units")
    ]


def test_a_dearer_place_is_told_with_the_difference() -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 1}) as broker:
        (job,) = broker.placed(work())
        said = explain(broker.facts(), job, read_recorded)
    assert [(row.provider, row.because) for row in said.not_asked] == [("gcp", "0.1 $/h dearer")]


def test_a_job_that_no_fact_submits_is_unknown() -> None:
    with pytest.raises(KeyError):
        explain([], "j1")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (221, "3 min 41 s"), (7500, "2 h 05 min")]
)
def test_a_span_is_said_as_people_say_it(seconds: int, said: str) -> None:
    assert span(seconds) == said
