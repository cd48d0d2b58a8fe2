"""What other pages and stores say is not trusted: any script of the origin can write there."""

import json
from typing import Any

import pytest
from reissue.editions import Edition, Ended, Granted, read

from tests.reissue.test_bad_input import HUGE


@pytest.mark.parametrize(
    ("text", "edition"),
    [
        ("12.ab3.4", Edition(12, "ab3", 4)),
        (f"1.{'a' * 96}.1", Edition(1, "a" * 96, 1)),
        (f"1.{'a' * 97}.1", None),
        ("1.a.b.2", None),
        ("1.a", None),
        ("-1.a.1", None),
        ("1..1", None),
        ("\u0661.a.1", None),
        (7, None),
    ],
    ids=repr,
)
def test_an_edition_is_a_number_a_name_and_a_number_of_a_hundred_signs_at_most(
    text: object, edition: Edition | None
) -> None:
    assert Edition.parse(text) == edition


@pytest.mark.parametrize("received_at", [1e12, -1e12, float("nan"), float("inf"), HUGE, True, False, "0", None])
def test_a_credential_that_was_received_at_no_time_is_none(received_at: Any) -> None:
    fields = {"type": "granted", "edition": "1.a.1", "access_token": "a", "received_at": 1_700_000_000}
    assert isinstance(read(json.dumps(fields)), Granted)
    assert read(json.dumps({**fields, "received_at": received_at})) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reason": "refused", "edition": "1.a.1"}, Ended(Edition(1, "a", 1), "refused")),
        ({"reason": "signed_out", "edition": "1.a.1"}, Ended(Edition(1, "a", 1), "signed_out")),
        ({"reason": "signed_out", "edition": None}, Ended(None, "signed_out")),
        ({"reason": "refused", "edition": None}, None),
        ({"reason": "closed", "edition": "1.a.1"}, None),
        ({"reason": "replaced", "edition": "1.a.1"}, None),
        ({"edition": "1.a.1"}, None),
    ],
    ids=repr,
)
def test_a_page_ends_the_session_of_another_by_a_refusal_or_a_sign_out_and_nothing_else(
    fields: dict[str, Any], message: Ended | None
) -> None:
    assert read(json.dumps({"type": "ended", **fields})) == message
