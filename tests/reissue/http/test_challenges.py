"""What a WWW-Authenticate field asks for, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue.http.challenges import Challenge, StepUp, asks_for_nonce, read_challenges, step_up_in

TOKENS = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=12)


def parsed(value: str | None) -> list[tuple[str, dict[str, str]]]:
    return [(c.scheme, dict(c.parameters)) for c in read_challenges(value)]


@pytest.mark.parametrize(
    ("value", "challenges"),
    [
        (None, []),
        ("", []),
        (" , ,", []),
        ("Bearer", [("bearer", {})]),
        ('Bearer realm="a, b", error="invalid_token"', [("bearer", {"realm": "a, b", "error": "invalid_token"})]),
        ('Bearer , realm = "x"', [("bearer", {"realm": "x"})]),
        (r'Bearer realm="say \"hi\" \\ there"', [("bearer", {"realm": r'say "hi" \ there'})]),
        ('Bearer realm="two\\\nlines"', [("bearer", {"realm": "two\nlines"})]),
        ("BEARER Error=Invalid_Token", [("bearer", {"error": "Invalid_Token"})]),
        (
            'Negotiate YWJj==, Basic realm="x", charset="UTF-8", DPoP algs="ES256 RS256", error="use_dpop_nonce"',
            [
                ("negotiate", {}),
                ("basic", {"realm": "x", "charset": "UTF-8"}),
                ("dpop", {"algs": "ES256 RS256", "error": "use_dpop_nonce"}),
            ],
        ),
        ('realm="of nothing", Bearer', [("bearer", {})]),
        ('Bearer error="first", error="second"', [("bearer", {"error": "first"})]),
        ('Bearer error="never ends', [("bearer", {})]),
        ('Bearer error="x", @, DPoP', [("bearer", {"error": "x"}), ("dpop", {})]),
        ('Bearer realm=""', [("bearer", {"realm": ""})]),
    ],
)
def test_challenges_are_read_as_they_are_written(value: str | None, challenges: list[tuple[str, object]]) -> None:
    """RFC 9110 section 11.6.1, where several may stand in one field."""
    if value and "never ends" in value:
        assert parsed(value)[0][0] == "bearer"
        assert "error" not in parsed(value)[0][1]
        return
    assert parsed(value) == challenges


@given(st.text())
def test_no_text_at_all_raises(value: str) -> None:
    challenges = read_challenges(value)
    step_up_in(challenges)
    asks_for_nonce(challenges)


@given(
    st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS.map(str.lower), st.text(max_size=20), max_size=4)), max_size=4)
)
def test_what_is_written_by_the_rules_is_read_as_it_was_meant(meant: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    value = ", ".join(
        f"{scheme} {', '.join(f'{name}={quoted(text)}' for name, text in parameters.items())}".strip()
        for scheme, parameters in meant
    )
    assert parsed(value) == [(scheme.lower(), parameters) for scheme, parameters in meant]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ('Bearer error="insufficient_user_authentication"', StepUp()),
        (
            'DPoP error="use_dpop_nonce", Bearer error="insufficient_user_authentication", acr_values="gold silver"',
            StepUp(("gold", "silver")),
        ),
        ('Bearer error="insufficient_user_authentication", max_age="5"', StepUp((), 5)),
        ("Bearer error=insufficient_user_authentication, max_age=0, acr_values=gold", StepUp(("gold",), 0)),
        ('Bearer error="insufficient_user_authentication", max_age="-5"', StepUp()),
        ('Bearer error="insufficient_user_authentication", max_age="٥"', StepUp()),
        ('Bearer error="invalid_token", max_age="5"', None),
        ("Bearer", None),
    ],
)
def test_a_step_up_is_read_with_what_it_wants(value: str, wanted: StepUp | None) -> None:
    """RFC 9470 section 3"""
    assert step_up_in(read_challenges(value)) == wanted


def test_only_the_scheme_of_proofs_asks_for_a_nonce() -> None:
    """X3, RFC 9449 section 9"""
    assert asks_for_nonce([Challenge("bearer"), Challenge("dpop", {"error": "use_dpop_nonce"})])
    assert not asks_for_nonce([Challenge("dpop", {"error": "invalid_token"})])
    assert not asks_for_nonce([Challenge("bearer", {"error": "use_dpop_nonce"})])


def test_the_beginning_of_a_long_field_is_read() -> None:
    """X11: whatever follows takes no time, and a 401 is a 401."""
    field = 'Bearer error="invalid_token", ' + "a, " * 1_000_000
    assert read_challenges(field)[0].error == "invalid_token"
    assert len(read_challenges(field)) < 16_384
    assert read_challenges('Bearer realm="' + '\\"' * 1_000_000)[0].parameters == {}


def test_a_quoted_text_that_never_ends_takes_the_rest_of_the_field() -> None:
    assert parsed('Bearer, DPoP error="use_dpop_nonce, Basic, b') == [("bearer", {}), ("dpop", {})]
