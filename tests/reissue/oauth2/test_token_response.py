"""A token endpoint's answer is a credential, or a documented error."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import Credential, GrantRefused, Headers, MalformedToken, RefreshUnavailable
from reissue.oauth2.token_response import read_credential


def test_an_answers_fields_are_read() -> None:
    text = json.dumps({"access_token": "a", "refresh_token": "r", "expires_in": "60", "token_type": "bearer"})
    credential = read_credential(200, {}, text)
    assert (credential.access_token, credential.refresh_token, credential.expires_in) == ("a", "r", 60)


@given(
    st.integers(100, 599),
    st.text()
    | st.builds(
        json.dumps,
        st.recursive(
            st.none() | st.text() | st.floats() | st.booleans(),
            lambda inner: (
                st.dictionaries(
                    st.sampled_from(["access_token", "refresh_token", "expires_in", "error", "error_description"])
                    | st.text(),
                    inner,
                    max_size=5,
                )
                | st.lists(inner, max_size=3)
            ),
        ),
    ),
)
def test_any_answer_is_a_credential_or_a_documented_error(status: int, text: str) -> None:
    try:
        credential = read_credential(status, Headers(), text)
    except (GrantRefused, RefreshUnavailable, MalformedToken):
        return
    assert 200 <= status < 300
    assert isinstance(credential, Credential)


@pytest.mark.parametrize("life", ["3600.0", "soon", -1, 10**400, None, True, [], "inf", "nan"])
def test_a_good_token_is_not_thrown_away_for_an_unreadable_life(life: Any) -> None:
    """F4, F6: the server has rotated by now."""
    text = json.dumps({"access_token": "a", "expires_in": life, "refresh_token": ""})
    credential = read_credential(200, {}, text)
    assert credential.expires_in == (3600 if life == "3600.0" else None)
    assert credential.refresh_token is None


@pytest.mark.parametrize("life", [0, "0", 0.5])
def test_a_token_may_have_no_life_or_half_a_second(life: Any) -> None:
    """T12"""
    text = json.dumps({"access_token": "a", "expires_in": life})
    assert read_credential(200, {}, text).expires_in == float(life)


def test_an_error_code_that_is_none_does_not_get_into_events() -> None:
    """X7"""
    with pytest.raises(GrantRefused) as refused:
        read_credential(401, {}, json.dumps({"error": "eyJhbGciOi.secret"}))
    assert refused.value.error == "invalid_grant"
