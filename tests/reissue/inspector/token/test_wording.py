"""What the token's tab is made of, besides the page: what the client holds, forgeries, and words."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from reissue import Credential, Interceptor, Response
from reissue.inspector.strings import LANGUAGES
from reissue.inspector.token import forgeries
from reissue.inspector.token.jwt_view import EXPLAINED, UNITS, FindingKind, Sort, findings_of
from reissue.inspector.token.wording import from_now, length
from reissue.storage import Memory
from reissue.tokens.jws import Kind, parse_token
from reissue.tokens.signatures import Verdict, by_secret

WORDS = LANGUAGES["en"]


# What the client holds


async def test_what_a_client_holds_is_its_current_token_and_where_it_is_kept() -> None:
    async def server(_: object) -> Response:
        return Response(200)

    async def refresh(_: Credential | None) -> Credential:
        return Credential(access_token="new", refresh_token="next", expires_in=60)

    api = Interceptor(server, audience="https://api.test/", endpoint=refresh, clock=lambda: 1000.0)
    assert api._snapshot() is None
    await api.adopt("old", expires_in=300)
    snapshot = api._snapshot()
    assert snapshot is not None
    assert (snapshot.token, snapshot.life, snapshot.remaining, snapshot.place) == ("old", 300, 300, "memory")
    assert not snapshot.refresh_token_in_page
    assert "old" not in repr(snapshot)
    await api.renew()
    snapshot = api._snapshot()
    assert snapshot is not None
    assert (snapshot.token, snapshot.refresh_token_in_page) == ("new", True)
    await api.sign_out()
    assert api._snapshot() is None
    await api.close()


async def test_the_browsers_storage_that_keeps_a_session_is_named() -> None:
    class LocalStorage(Memory):
        area = "localStorage"

    async def never(_: object) -> Any:
        raise AssertionError

    api = Interceptor(never, audience="https://api.test/", endpoint=never, store=LocalStorage())
    await api.adopt("token", expires_in=300)
    snapshot = api._snapshot()
    assert snapshot is not None
    assert snapshot.place == "localStorage"
    await api.close()


# Forgeries


def test_each_forgery_is_what_it_says() -> None:
    claims = forgeries.sample()
    good = parse_token(forgeries.signed(claims, forgeries.SECRET))
    assert jwt.decode(good.token, forgeries.SECRET, ["HS256"], audience="notes") == claims
    assert findings_of(good, now=claims["iat"]) == []
    assert by_secret(good, forgeries.SECRET) is Verdict.HOLDS
    assert by_secret(parse_token(forgeries.broken(good)), forgeries.SECRET) is Verdict.FAILS
    unsigned = parse_token(forgeries.unsigned(claims))
    assert unsigned.kind is Kind.SIGNED
    assert [finding.kind for finding in findings_of(unsigned, now=claims["iat"])] == [FindingKind.ALG_NONE]


# Words


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_all_that_can_be_said_of_a_token(language: str) -> None:
    words = LANGUAGES[language]
    wanted = {f"token.finding.{kind.value}" for kind in FindingKind} | {
        f"token.verdict.{verdict.value}" for verdict in Verdict
    }
    wanted |= {f"token.why.{verdict.value}" for verdict in Verdict if verdict.good or verdict.bad}
    wanted |= {f"token.claim.{name}" for name in (*EXPLAINED, "public", "private")}
    wanted |= {f"token.sort.{sort.value}" for sort in Sort} | {f"token.unit.{unit}" for unit, _ in UNITS}
    wanted |= {f"token.{kind.value}" for kind in Kind if kind not in (Kind.SIGNED, Kind.EMPTY)}
    assert wanted - words.keys() == set()


def test_times_in_words() -> None:
    assert length(3700, WORDS) == "1 h 1 min"
    assert [from_now(seconds, WORDS) for seconds in (61, -5, 0.3)] == ["in 1 min 1 s", "5 s ago", "now"]
    assert from_now(61, LANGUAGES["ko"]) == "1분 1초 뒤"
