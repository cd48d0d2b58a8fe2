"""What follows from an answer: the table of `decisions`, row by row."""

from itertools import product

import pytest
from reissue.http.challenges import Challenge, StepUp
from reissue.sending.decisions import Answer, Decision, Done, Judge, Renew, RepeatWithNonce, decide

NONCE = Challenge("dpop", {"error": "use_dpop_nonce"})
STEP_UP = Challenge("bearer", {"error": "insufficient_user_authentication", "acr_values": "strong"})
REJECTED = Challenge("bearer", {"error": "invalid_token"})
ALL = list(product((False, True), repeat=2))  # bound, replayed
RENEW = Renew(replays=True)


def decisions(answer: Answer, *, bound: tuple[bool, ...] = (False, True)) -> list[Decision]:
    """For a request that was not replayed yet, and one that was; with bearer tokens and bound ones."""
    return [
        decide(answer, bound=of_a_key, replayed=replayed, replayable=True)
        for of_a_key, replayed in ALL
        if of_a_key in bound
    ]


@pytest.mark.parametrize("status", [200, 404, 401])
def test_what_comes_from_where_the_token_was_not_sent_is_the_callers_and_says_nothing_of_the_token(status: int) -> None:
    """Q27"""
    assert decisions(Answer(status, elsewhere=True)) == [Done()] * 4
    assert decisions(Answer(status, elsewhere=True, by_apps_test=True)) == [Judge()] * 4, (
        "the app's own test may differ"
    )


def test_a_proof_that_lacks_a_nonce_is_made_again_and_renews_nothing() -> None:
    """X3"""
    answer = Answer(401, [NONCE], nonce="n1", looks_rejected=True)
    assert decisions(answer, bound=(True,)) == [RepeatWithNonce("n1")] * 2
    assert decisions(Answer(401, [NONCE], looks_rejected=True), bound=(True,)) == [Done()] * 2, "without one, or again"
    assert decisions(Answer(401, [NONCE], looks_rejected=True), bound=(False,)) == [RENEW, Done(accepted=False)]


def test_a_nonce_is_all_that_can_be_seen_where_the_challenges_are_hidden() -> None:
    """X3"""
    assert decisions(Answer(401, nonce="n1", looks_rejected=True), bound=(True,)) == [RepeatWithNonce("n1")] * 2
    assert decisions(Answer(401, [REJECTED], nonce="n1", looks_rejected=True)) == [RENEW, Done(accepted=False)] * 2
    assert decisions(Answer(200, nonce="n1", looks_rejected=False)) == [Done(accepted=True)] * 4


@pytest.mark.parametrize("by_apps_test", [False, True])
def test_a_step_up_is_none_of_the_tests_business(by_apps_test: bool) -> None:
    answer = Answer(401, [REJECTED, STEP_UP], by_apps_test=by_apps_test, looks_rejected=None if by_apps_test else True)
    assert decisions(answer) == [StepUp(("strong",), None)] * 4


def test_a_rejected_token_is_renewed_once() -> None:
    """Q4"""
    assert decisions(Answer(401, looks_rejected=True)) == [RENEW, Done(accepted=False)] * 2
    assert decisions(Answer(200, by_apps_test=True, looks_rejected=True)) == [RENEW, Done(accepted=False)] * 2


@pytest.mark.parametrize("bound", [False, True])
def test_a_body_that_can_be_read_once_is_not_replayed_and_the_token_is_renewed_all_the_same(bound: bool) -> None:
    """Q8"""
    rejected = Answer(401, looks_rejected=True)
    assert decide(rejected, bound=bound, replayed=False, replayable=False) == Renew(replays=False)
    assert decide(rejected, bound=bound, replayed=True, replayable=False) == Done(accepted=False)


def test_only_the_apps_own_test_can_judge_where_it_has_one() -> None:
    """Q20"""
    for status in (200, 401, None):
        assert decisions(Answer(status, by_apps_test=True)) == [Judge()] * 4


def test_an_answer_accepts_the_token_and_an_error_in_its_place_says_nothing_of_it() -> None:
    assert decisions(Answer(500, looks_rejected=False)) == [Done(accepted=True)] * 4
    assert decisions(Answer(None, by_apps_test=True, looks_rejected=False)) == [Done()] * 4
