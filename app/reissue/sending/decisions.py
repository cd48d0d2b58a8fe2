"""What an answer says about the token that was sent, and what follows from that. Pure: decides, and does nothing.

A 401 may mean three things. By default it rejects the token, which is then renewed. Or it asks for a nonce in the
proof: then the token is still valid, and nothing is renewed (X3). Or the API wants another sign-in (RFC 9470). A 401
from a URL to which no token was sent means none of these: the caller gets it (Q27).

| the answer, by the first line that fits | what follows |
|---|---|
| comes from a URL to which no token was sent, and the app has no test of its own | `Done` |
| wants a nonce, and brings a new one | `RepeatWithNonce` |
| wants a nonce, and brings none, or the request can't be repeated | `Done` |
| wants another sign-in | `StepUp` |
| only the app's own test can judge it | `Judge`: ask it, and decide again |
| rejects the token, and the request was not replayed yet | `Renew`, with or without a replay |
| anything else | `Done`, which says whether the token was accepted |
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..http.challenges import Challenge, StepUp, asks_for_nonce, step_up_in
from ..http.values import Value


class Answer(NamedTuple):
    """The outcome of one attempt.

    `status` is None for an OSError. `elsewhere`: a redirect led to a URL to which the token was not sent. `nonce` is a
    new nonce, with which the request can be sent once more. `looks_rejected` is what the status says of the token, and
    the challenges may say otherwise. If the app has a test of its own, that says it instead, and until it was asked,
    `looks_rejected` is None; `by_apps_test` tells so of an answer from elsewhere.
    """

    status: int | None
    challenges: Sequence[Challenge] = ()
    elsewhere: bool = False
    nonce: str | None = None
    by_apps_test: bool = False
    looks_rejected: bool | None = None


class Done(Value):
    """The caller gets the answer. `accepted` says whether the token was; None if the answer does not show that."""

    accepted: bool | None = None


class RepeatWithNonce(Value):
    """Send the request once more, with the same token, and this nonce in its proof."""

    nonce: str


class Judge(Value):
    """Ask the app's own test whether the token was rejected."""


class Renew(Value):
    """The token was rejected: renew it, so that the next request does not meet the same rejection.

    `replays`: then the request is sent again with the new token. Its method plays no part, since a server that rejects
    a token has not acted on the request; only a body that can't be sent twice prevents it.
    """

    replays: bool


ACCEPTED, REJECTED, UNKNOWN = Done(True), Done(False), Done()
Decision = Done | RepeatWithNonce | StepUp | Judge | Renew


def decide(answer: Answer, *, bound: bool, replayed: bool, replayable: bool) -> Decision:
    """What follows from this answer.

    `bound`: the token is bound to a key. `replayed`: this was the replay. `replayable`: the body can be sent twice.
    """
    if answer.elsewhere and not answer.by_apps_test:
        return UNKNOWN
    hides_challenges = (
        answer.status == 401 and not answer.challenges
    )  # there are none, or none that this origin may read
    if (bound and asks_for_nonce(answer.challenges)) or (answer.nonce and hides_challenges):
        return RepeatWithNonce(answer.nonce) if answer.nonce else UNKNOWN
    if wanted := step_up_in(answer.challenges):
        return wanted
    if answer.looks_rejected is None:
        return Judge()
    if answer.looks_rejected and not replayed:
        return Renew(replays=replayable)
    if answer.looks_rejected:
        return REJECTED
    return ACCEPTED if answer.status is not None else UNKNOWN
