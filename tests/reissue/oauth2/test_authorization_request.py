"""What is remembered while the page is left, and what is read from the URL that it is back at."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue.http.urls import parse_url
from reissue.oauth2.authorization_request import (
    LIFE,
    Pending,
    PendingSignIns,
    random_text,
    read_answer,
    request_url,
    without_answer,
)
from reissue.oauth2.metadata import discovery_urls, read_metadata
from reissue.storage import Memory


def pending(**fields: Any) -> Pending:
    known = {"client": "c", "verifier": "v3rifier", "nonce": "n0nce", "issuer": None, "redirect_uri": "https://a.test/"}
    return Pending(**{**known, "back_to": "https://a.test/s3cret", "since": 0.0, **fields})


def test_each_is_taken_once() -> None:
    store = Memory()
    sign_ins = PendingSignIns(store)
    sign_ins.add("a", pending(client="first"))
    sign_ins.add("b", pending(client="second", max_age=60.0))
    assert sign_ins.owner("b", now=0) == "second"
    assert PendingSignIns(store).take("b", now=0) == pending(client="second", max_age=60.0)
    assert sign_ins.take("b", now=0) is None
    assert sign_ins.take("a", now=0) == pending(client="first")
    assert sign_ins.owner("a", now=0) is None
    assert store.read() is None


def test_old_ones_are_dropped_and_there_are_few() -> None:
    store = Memory()
    sign_ins = PendingSignIns(store)
    sign_ins.add("old", pending())
    assert sign_ins.owner("old", now=LIFE - 1) == "c"
    assert sign_ins.owner("old", now=LIFE) is None
    for number in range(20):
        sign_ins.add(str(number), pending(since=LIFE))
    assert list(json.loads(store.read() or "")) == [str(number) for number in range(12, 20)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "no JSON",
        "[" * 2000,
        '{"a": 7}',
        '{"a": {}}',
        '{"a": {"client": "c"}}',
    ],
)
def test_what_is_no_sign_in_in_the_store_is_none(text: str) -> None:
    store = Memory()
    store.write(text)
    assert PendingSignIns(store).take("a", now=0) is None
    PendingSignIns(store).add("b", pending())
    assert PendingSignIns(store).owner("b", now=0) == "c"


@pytest.mark.parametrize(
    "change", [{"verifier": 7}, {"issuer": 7}, {"since": "x"}, {"max_age": "x"}, {"more": 1}], ids=repr
)
def test_one_whose_members_are_others_is_none(change: dict[str, Any]) -> None:
    store = Memory()
    PendingSignIns(store).add("a", pending())
    entry = json.loads(store.read() or "")["a"]
    store.write(json.dumps({"a": {**entry, **change}}))
    assert PendingSignIns(store).take("a", now=0) is None


def test_it_shows_no_secret() -> None:
    assert not any(secret in repr(pending()) for secret in ("v3rifier", "n0nce", "s3cret"))


def test_what_is_random_is_long_enough() -> None:
    """43 characters of base64url (RFC 7636 section 4.1), never the same twice."""
    texts = {random_text() for _ in range(50)}
    assert len(texts) == 50
    assert {len(text) for text in texts} == {43}


@pytest.mark.parametrize(
    ("url", "answer", "clean"),
    [
        ("https://a.test/", None, None),
        ("https://a.test/?code=7", None, None),
        ("https://a.test/?state=7", None, None),
        ("https://a.test/#code=7&state=8", None, None),
        ("https://a.test/?code=c&state=s", {"code": "c", "state": "s"}, "https://a.test/"),
        ("https://a.test/?code=c&state=s&x=%20+#f", {"code": "c", "state": "s"}, "https://a.test/?x=%20+#f"),
        ("https://a.test/?error=e&state=s&iss=i", {"error": "e", "state": "s", "iss": "i"}, "https://a.test/"),
        ("https://a.test/?code=a&code=b&state=s", {"state": "s"}, "https://a.test/"),
        ("https://a.test/?code=&state=", {"code": "", "state": ""}, "https://a.test/"),
        ("https://a.test/?%63ode=c&st+ate=1&%73tate=s", {"code": "c", "state": "s"}, "https://a.test/?st+ate=1"),
    ],
)
def test_an_answer_is_read_and_cleaned_away(url: str, answer: Any, clean: str | None) -> None:
    assert read_answer(url) == answer
    assert without_answer(url) == (clean or url)


@given(st.text())
def test_no_url_makes_it_raise(text: str) -> None:
    for url in (text, f"https://a.test/?code=1&state=2&{text}"):
        read_answer(url)
        assert read_answer(without_answer(url)) is None


def test_a_query_that_the_endpoint_has_stays() -> None:
    assert request_url("https://a.test/auth", {"a": "1 2"}) == "https://a.test/auth?a=1+2"
    assert request_url("https://a.test/auth?t=7", {"a": ["1", "2"]}) == "https://a.test/auth?t=7&a=1&a=2"


def test_an_answer_is_read_in_one_look_and_from_no_url_that_no_server_makes() -> None:
    """X11: 64 kB of `state` took five seconds."""
    state = "state=a&" * 9_000
    assert read_answer(f"https://a.test/?{state}code=1") == {"code": "1"}
    assert read_answer(f"https://a.test/?code=1&state=2#{'x' * 100_000}") is None


def test_metadata_lie_where_the_two_standards_say() -> None:
    host, path = "https://id.test", "https://id.test/realms/a/"
    assert discovery_urls(host, openid=True) == [
        "https://id.test/.well-known/openid-configuration",
        "https://id.test/.well-known/oauth-authorization-server",
    ]
    assert discovery_urls(path, openid=False) == [
        "https://id.test/.well-known/oauth-authorization-server/realms/a",
        "https://id.test/realms/a/.well-known/openid-configuration",
    ]


ENDPOINTS = {"authorization_endpoint": "https://id.test/a", "token_endpoint": "https://id.test/t"}


def test_openid_connect_has_an_issuer_with_keys() -> None:
    issuer, keys = {"issuer": "https://id.test"}, {"jwks_uri": "https://id.test/k"}
    assert read_metadata({**ENDPOINTS, **issuer, **keys}, issuer="https://id.test", openid=True, parse=parse_url)
    with pytest.raises(ValueError, match="needs an issuer and a jwks_uri"):
        read_metadata({**ENDPOINTS, **keys}, issuer=None, openid=True, parse=parse_url)
    with pytest.raises(ValueError, match="needs an issuer and a jwks_uri"):
        read_metadata({**ENDPOINTS, **issuer}, issuer="https://id.test", openid=True, parse=parse_url)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"issuer": "https://id.test", **ENDPOINTS},
        {"authorization_endpoint": "https://id.test/"},
        {"token_endpoint": "https://id.test/"},
        {**ENDPOINTS, "token_endpoint": 7},
        {**ENDPOINTS, "revocation_endpoint": "http://localhost.evil.test/"},
        {**ENDPOINTS, "revocation_endpoint": "http://[::1].evil.test/"},
        {**ENDPOINTS, "code_challenge_methods_supported": "S256"},
    ],
    ids=repr,
)
def test_metadata_that_can_not_be_used_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_metadata(fields, issuer=None, openid=False, parse=parse_url)


@pytest.mark.parametrize("host", ["https://id.test", "http://localhost:1", "http://127.0.0.1:80", "http://[::1]"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    read = read_metadata({**ENDPOINTS, "token_endpoint": f"{host}/t"}, issuer=None, openid=False, parse=parse_url)
    assert read.token_endpoint.endswith("/t")
