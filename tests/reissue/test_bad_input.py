"""Whatever strangers send: arbitrary input is read, or is a documented error, and no secret gets into its text."""

# ruff: noqa: PT017 - whether anything is raised is the input's choice

import asyncio
import json
import traceback
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reissue import (
    Credential,
    Endpoint,
    Event,
    GrantRefused,
    Headers,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    ReissueError,
    Request,
    Response,
    SessionEnded,
    SignOutRefused,
    StepUp,
    unverified_claims,
)
from reissue.http.retry_after import LONGEST_WAIT, parse_retry_after
from reissue.http.urls import Audience, parse_url
from reissue.oauth2.authorization_request import LIFE, Pending, PendingSignIns
from reissue.oauth2.id_token import Expected, validated
from reissue.oauth2.metadata import read_metadata
from reissue.oauth2.token_response import read_credential
from reissue.storage import Memory
from reissue.tabs.channel_lock import ChannelLockPeers
from reissue.tabs.protocol import Granted, read
from reissue.testing import Clock
from reissue.tokens.claims import lifetime
from reissue.tokens.jws import compact, to_base64url
from reissue.tokens.signatures import Verdict
from reissue.tokens.users import UserMatch, Users

from tests.reissue.conftest import API
from tests.reissue.virtual_time import VirtualTimeLoop

PLANTED = ("pl4nted-access-token", "pl4nted-refresh-token", "pl4nted-password")
HUGE = 10**400  # no float

SCALARS = st.none() | st.booleans() | st.integers() | st.just(HUGE) | st.floats() | st.text()
NAMES = st.sampled_from(["access_token", "refresh_token", "expires_in", "token_type", "error", "error_description"])
VALUES = st.recursive(
    SCALARS | st.sampled_from([*PLANTED, "invalid_grant", "Bearer", " ".join(PLANTED), ".".join(PLANTED)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=4),
    max_leaves=8,
)
BODIES = (
    st.binary()
    | st.dictionaries(NAMES, VALUES).map(lambda fields: json.dumps(fields).encode())
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([" ".join(PLANTED).encode(), b"<html>" + PLANTED[1].encode(), b"[" * 50_000])
)
STATUSES = st.sampled_from([200, 204, 400, 401, 403, 429, 500, 503]) | st.integers(100, 599)
HTTP_DATES = st.datetimes().map(format_datetime)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "Content-Type", "WWW-Authenticate", "DPoP-Nonce"]),
    st.text(st.characters(blacklist_characters="\r\n\0"))
    | HTTP_DATES
    | st.integers().map(str)
    | st.sampled_from(['DPoP error="use_dpop_nonce"', 'Bearer error="insufficient_user_authentication"']),
)


def told(error: BaseException) -> str:
    """All that a log may show of an error, its causes included."""
    return "".join(traceback.format_exception(error)) + repr(error)


def no_secret_in(text: str) -> bool:
    return not any(secret in text for secret in PLANTED)


@given(STATUSES, HEADERS, BODIES)
@example(400, {}, json.dumps({"error": "invalid_grant", "error_description": f"bad token {PLANTED[1]}"}).encode())
@example(200, {}, json.dumps({"access_token": f"{PLANTED[0]} "}).encode())
def test_any_answer_of_the_endpoint_is_taken_or_a_documented_error_without_a_secret(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """X7, F4: a sign-in, a refresh and a sign-out that are answered with anything at all."""
    events: list[Event] = []

    async def transport(request: Request) -> Response:
        return Response(status, headers, body)

    async def client() -> Interceptor:
        api = Interceptor(transport, audience=API, endpoint=Endpoint(API + "auth"), clock=Clock())
        api.on(events.append)
        return api

    async def calls() -> None:
        api = await client()
        try:
            await api.sign_in(username="ada", password=PLANTED[2])
        except (GrantRefused, RefreshUnavailable, MalformedToken) as error:
            assert no_secret_in(told(error))
        await api.adopt(PLANTED[0], refresh_token=PLANTED[1], expires_in=300)
        try:
            await api.renew()
        except (GrantRefused, RefreshUnavailable) as error:
            assert no_secret_in(told(error))
        try:
            await api.sign_out()
        except (SignOutRefused, RefreshUnavailable) as error:
            assert no_secret_in(told(error))
        try:
            await api.resume()
        except (RefreshUnavailable, SessionEnded) as error:
            assert no_secret_in(told(error))
        assert no_secret_in(repr([api, vars(api), events]))
        await api.close()

    loop = VirtualTimeLoop()
    try:
        loop.run_until_complete(calls())
    finally:
        loop.close()


@given(STATUSES, HEADERS, BODIES)
@example(200, {"Content-Type": PLANTED[1]}, b"")
def test_any_answer_is_read_as_a_credential_or_a_documented_error(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    text = body.decode("utf-8", "replace")
    try:
        credential = read_credential(status, Headers(headers), text)
    except RefreshUnavailable as error:
        assert error.status == status
        assert error.retry_after is None or 0 <= error.retry_after <= LONGEST_WAIT
    except (GrantRefused, MalformedToken) as error:
        assert no_secret_in(told(error))
    else:
        assert 200 <= status < 300
        assert no_secret_in(repr(credential))


class Proofs:
    """Of no key."""

    async def proof(self, method: str, url: str, *, access_token: str | None = None, nonce: str | None = None) -> str:
        return f"proof with {nonce}"


@given(STATUSES, HEADERS, BODIES)
@example(401, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": PLANTED[1]}, b"")
def test_any_answer_of_the_api_is_the_callers_or_a_documented_error(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """X3, X7: whatever its challenges and nonces are, for a token that is bound to a key."""
    events: list[Event] = []
    sent: list[Request] = []

    async def transport(request: Request) -> Response:
        sent.append(request)
        return Response(status, headers, body)

    async def decline(wanted: StepUp) -> None:
        assert no_secret_in(repr(wanted))

    async def calls() -> None:
        api = Interceptor(
            transport, audience=API, endpoint=Endpoint(API + "auth"), clock=Clock(), proofs=Proofs(), step_up=decline
        )
        api.on(events.append)
        await api.adopt(PLANTED[0], refresh_token=PLANTED[1], expires_in=300, token_type="DPoP")
        try:
            response = await api.fetch(API + "notes")
        except ReissueError as error:
            assert no_secret_in(told(error))
        else:
            assert response.status == status
        assert no_secret_in(repr([api, events]))
        await api.close()

    loop = VirtualTimeLoop()
    try:
        loop.run_until_complete(calls())
    finally:
        loop.close()
    assert len([request for request in sent if request.url == API + "notes"]) <= 2


def unsigned(header: bytes, payload: bytes, signature: bytes = b"x") -> str:
    return ".".join(map(to_base64url, (header, payload, signature)))


PAYLOADS = VALUES.map(lambda value: json.dumps(value).encode()) | st.dictionaries(
    st.sampled_from(["exp", "iat", "sub", "aud", "nbf", "iss", "jti"]), VALUES
).map(lambda claims: json.dumps(claims).encode())
TOKENS = (
    st.text()
    | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E))
    | st.builds(unsigned, st.sampled_from([b'{"alg":"HS256"}', b'{"alg":"none"}', b"{}"]) | BODIES, PAYLOADS | BODIES)
)


@given(TOKENS)
@example(unsigned(b'{"alg":"HS256"}', b"[" * 50_000))
@example(unsigned(b'{"alg":"HS256"}', b'{"exp": %d, "iat": 1}' % HUGE))
def test_any_token_is_read_or_malformed_and_never_quoted(token: str) -> None:
    """X7"""
    planted = f"{PLANTED[0]}{token}"
    for text in (token, planted):
        try:
            credential = Credential(access_token=text, refresh_token=PLANTED[1]).received(0)
            claims = unverified_claims(text)
        except MalformedToken as error:
            assert no_secret_in(told(error))
            assert len(text) < 9 or text not in str(error)
            continue
        assert credential.expires_in is None or credential.expires_in > 0
        life = lifetime(claims, now=0)
        assert life is None or life > 0
        assert Users().compare(credential, credential) is not UserMatch.OTHER
        assert no_secret_in(repr(credential))


@given(VALUES)
@example(HUGE)
@example(-HUGE)
def test_any_life_is_a_number_of_seconds_or_malformed(life: Any) -> None:
    try:
        credential = Credential(access_token=PLANTED[0], expires_in=life)
    except MalformedToken as error:
        assert no_secret_in(told(error))
    else:
        remaining = credential.received(0).remaining(0)
        assert remaining is None or remaining >= 0


@given(st.text() | HTTP_DATES | st.integers().map(str), st.none() | st.text() | HTTP_DATES)
@example("Tue, 14 Nov 99999 22:13:30 GMT", None)
@example("Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359")
def test_any_retry_after_and_date_are_seconds_or_none(value: str, date: str | None) -> None:
    seconds = parse_retry_after(value, date=date, now=lambda: 1_700_000_000.0)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT


URLS = st.text() | st.text("/\\.%2eE5cCfF@:?#[]vV1 \t\n").flatmap(
    lambda rest: st.sampled_from(["https://", "https:", "http://[", "HTTPS:\\\\", "//", "ws://", ""]).map(
        lambda start: start + rest
    )
)


@given(URLS)
@example(f"https://ada:{PLANTED[2]}@api.test/")
@example("https://[")
def test_any_url_is_read_or_a_value_error_and_shows_no_user(text: str) -> None:
    """X1, X7"""
    for url in (text, f"https://ada:{PLANTED[2]}@{text}", f"https://api.test/{text}?password={PLANTED[2]}"):
        request = Request(url)
        assert PLANTED[2] in text or PLANTED[2] not in request.shown_url + repr(request)
        try:
            parsed = parse_url(url)
        except ValueError as error:
            assert no_secret_in(told(error))
            continue
        assert parse_url(parsed.href) == parsed, "what was compared is what is sent"


@given(URLS | VALUES)
def test_any_audience_is_one_or_a_clear_error(text: Any) -> None:
    try:
        Audience(text, parse=parse_url)
    except (ValueError, TypeError) as error:
        assert str(error)


@given(
    st.text()
    | st.binary().map(lambda data: data.decode("latin-1"))
    | st.dictionaries(
        st.sampled_from(["type", "edition", "reason", "access_token", "refresh_token", "expires_in", "received_at"]),
        VALUES | st.sampled_from(["granted", "ended", "asked", "1.a.1", "signed_out", "refused"]),
    ).map(json.dumps)
)
@example(json.dumps({"type": "granted", "edition": "1.aaaaaaaaaaaaaaaa.1", "access_token": "a", "received_at": HUGE}))
@example("[" * 100_000)
def test_any_text_from_another_page_or_a_store_is_a_message_or_none(text: str) -> None:
    """T6"""
    message = read(text, now=1.7e9)
    assert message is None or no_secret_in(repr(message)) or not isinstance(message, Granted)


EXPECTED = Expected(issuer="https://id.test", client_id="app", nonce="n", max_age=60)
RIGHT = {"iss": "https://id.test", "aud": "app", "nonce": "n", "sub": "ada", "exp": 2e9, "iat": 1e9, "auth_time": 1.7e9}


@given(
    TOKENS
    | st.builds(
        lambda header, claims: compact({"alg": "ES256", **header}, {**RIGHT, **claims}),
        st.dictionaries(st.sampled_from(["alg", "kid", "crit", "jwk", "typ"]), VALUES, max_size=2),
        st.dictionaries(st.sampled_from([*RIGHT, "azp", "nbf"]), VALUES, max_size=2),
    ),
    VALUES,
)
@example(compact({"alg": "ES256"}, {**RIGHT, "auth_time": HUGE}), {"keys": [{"kty": "EC", "crv": "P-256"}]})
def test_any_id_token_and_any_keys_are_believed_or_refused(token: str, keys: Any) -> None:
    """X7"""

    async def fetch_keys(afresh: bool) -> Any:
        return keys

    async def verify(*_: object) -> Verdict:
        return Verdict.HOLDS

    try:
        claims = asyncio.run(validated(token, EXPECTED, fetch_keys=fetch_keys, verify=verify, now=1.7e9))
    except GrantRefused as error:
        assert no_secret_in(told(error))
    else:
        assert (claims["iss"], claims["nonce"]) == ("https://id.test", "n")


METADATA = ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"]


@given(
    st.dictionaries(
        st.sampled_from([*METADATA, "end_session_endpoint", "code_challenge_methods_supported"]) | st.text(),
        VALUES | URLS | st.sampled_from(["https://id.test", "http://id.test", "https://id.test/#a", ["S256"]]),
    ),
    st.booleans(),
)
def test_any_metadata_are_those_of_a_safe_server_or_a_value_error(fields: dict[str, Any], openid: bool) -> None:
    for known in ({}, {"issuer": "https://id.test"}, dict.fromkeys(METADATA, "https://id.test")):
        try:
            read = read_metadata({**fields, **known}, issuer="https://id.test", openid=openid, parse=parse_url)
        except ValueError as error:
            assert str(error)
            continue
        for url in (read.authorization_endpoint, read.token_endpoint):
            assert url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]"))


PENDING = Pending(client="app", verifier="v", nonce="n", issuer=None, redirect_uri="r", back_to="b", since=0.0)
ENTRY = {**dict.fromkeys(("client", "verifier", "nonce", "redirect_uri", "back_to"), "text"), "issuer": None}


@given(
    st.text()
    | VALUES.map(json.dumps)
    | st.dictionaries(
        st.sampled_from([*ENTRY, "since", "max_age"]), VALUES | st.sampled_from(["a", 1, 1.5]), max_size=3
    ).map(lambda fields: json.dumps({"state": {**ENTRY, "since": 1, "max_age": None, **fields}}))
)
@example(json.dumps({"state": {**ENTRY, "since": HUGE, "max_age": None}}))
@example(json.dumps({"state": {**ENTRY, "since": 1, "max_age": HUGE}}))
@example("[" * 100_000)
def test_any_text_in_the_tabs_store_is_a_sign_in_under_way_or_none(text: str) -> None:
    """T6: any script of the origin can write there."""
    store = Memory()
    store.write(text)
    sign_ins = PendingSignIns(store)
    assert sign_ins.owner("state", now=2.0) is None or isinstance(sign_ins.owner("state", now=2.0), str)
    pending = sign_ins.take("state", now=2.0)
    if pending is not None:
        assert abs(2.0 - pending.since) <= LIFE
        assert isinstance(2.0 - (pending.max_age or 0), float), "it can be reckoned with"
    assert sign_ins.take("state", now=2.0) is None, "an answer counts once"
    sign_ins.add("other", PENDING)
    assert sign_ins.owner("other", now=2.0) == "app"


@given(
    st.text()
    | VALUES.map(json.dumps)
    | st.dictionaries(
        st.sampled_from(["courtesy", "of"]), VALUES | st.sampled_from(["claim", "taken", "free", "who", "sign"])
    ).map(json.dumps)
)
@example(json.dumps({"courtesy": "claim", "of": [HUGE, ""]}))
@example("[" * 100_000)
def test_any_text_on_the_channel_is_a_courtesy_or_passed_on(text: str) -> None:
    """T4: between pages without locks."""
    hear: list[Any] = []

    class Channel:
        def listen(self, heard: Any) -> None:
            hear.append(heard)

        def post(self, message: str) -> None:
            json.loads(message)

        def close(self) -> None: ...

    passed_on: list[str] = []

    async def take_a_turn() -> None:
        peers = ChannelLockPeers(Channel(), clock=lambda: 1_700_000_000.0)
        peers.listen(passed_on.append)
        peers.advertise("sign")
        async with peers.lock():
            hear[0](text)
        hear[0](text)

    loop = VirtualTimeLoop()
    try:
        loop.run_until_complete(take_a_turn())
    finally:
        loop.close()
    assert passed_on in ([], [text, text])


@pytest.mark.parametrize("secret", PLANTED)
@given(st.binary())
def test_an_error_of_the_transport_is_not_quoted_by_a_refresh(secret: str, noise: bytes) -> None:
    """X7: a stranger's exception may hold anything."""

    async def endpoint(credential: Credential | None) -> Credential:
        raise OSError(f"{secret}{noise!r}")

    async def call() -> ReissueError:
        api = Interceptor(endpoint, audience=API, endpoint=endpoint, clock=Clock())  # type: ignore[arg-type]
        await api.adopt(secret)
        with pytest.raises(RefreshUnavailable) as unavailable:
            await api.renew()
        await api.close()
        return unavailable.value

    assert secret not in str(asyncio.run(call()))
