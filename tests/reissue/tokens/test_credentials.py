"""A credential: what can be one, and how fresh it is."""

from typing import Any

import pytest
from reissue import Credential, MalformedToken
from reissue.tokens.credentials import Freshness


def test_freshness_over_a_life() -> None:
    credential = Credential(access_token="a", expires_in=100).received(1000)
    at = {second: credential.freshness(1000 + second, leeway=10) for second in (0, 89, 90, 99, 100, 5000, -50)}
    assert at == {
        0: Freshness.FRESH,
        89: Freshness.FRESH,
        90: Freshness.STALE,
        99: Freshness.STALE,
        100: Freshness.EXPIRED,
        5000: Freshness.EXPIRED,
        -50: Freshness.FRESH,
    }
    assert Credential(access_token="a").received(0).freshness(10**9, leeway=30) is Freshness.FRESH
    assert Credential(access_token="a", expires_in=9).freshness(10**9, leeway=30) is Freshness.FRESH, "not received yet"


@pytest.mark.parametrize("field", ["access_token", "refresh_token", "id_token"])
def test_a_token_that_could_not_be_sent_is_none(field: str) -> None:
    with pytest.raises(MalformedToken):
        Credential(**dict[str, Any]({"access_token": "a", field: "line\nbreak"}))
