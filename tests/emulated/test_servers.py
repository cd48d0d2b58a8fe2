"""Auth servers that can't run here, by their documented wire formats; each with the lines that a user writes.

`tests/servers/test_emulated.py` does the same in a real page, for three of them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import reissue
from reissue.testing import settle

from tests.documents import AS_AN_EMULATED_SERVER, run_by, text_of
from tests.emulated.page import BLOCKS, EmulatedPage, lines_of
from tests.emulated.rows import SERVERS, Server, keycloak, supabase
from tests.emulated.server import Emulated, Sent

RENEWING = [server for server in SERVERS if server.renews_by is not None]
ENDING = [server for server in SERVERS if server.renews_by is None]
TOLD = [server for server in SERVERS if any(call.does == "sign_out" for call in server.calls)]
BY_COOKIE = [server for server in SERVERS if server.api.cookies]  # the page sees no token, so none that has expired


def name(server: Server) -> str:
    return server.name


@pytest.fixture
async def visitor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmulatedPage]:
    """A page in front of the server that the test is about. What the server did not expect fails the test."""
    visitor = EmulatedPage(request.param)
    monkeypatch.setattr(reissue, "cookie", visitor.cookie)
    yield visitor
    for api in visitor.opened:
        await api.close()
    await visitor.browser.aclose()
    assert visitor.acted.objections == []


def every(servers: list[Server]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("visitor", servers, ids=name, indirect=True)


@every(list(SERVERS))
async def test_a_wrong_password_is_told_in_the_servers_words(visitor: EmulatedPage) -> None:
    with pytest.raises(reissue.GrantRefused) as refused:
        await visitor.run(visitor.with_a_wrong_password())
    assert refused.value.description == visitor.server.words
    assert visitor.opened[-1].state.name == "SIGNED_OUT"


@every(list(SERVERS))
async def test_a_sign_in_is_all_that_the_api_wants(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    assert await visitor.ten(api) == [200] * 10
    if not visitor.server.opaque and visitor.server not in BY_COOKIE:
        assert api.claims["sub"] == visitor.server.user
        assert api.expires_in == visitor.server.life


@every([server for server in RENEWING if server not in BY_COOKIE and server.renews_by != "access"])
async def test_ten_at_once_over_an_expired_token_refresh_once(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    for refreshes in (1, 2, 3):
        visitor.clock.advance(visitor.server.life)
        assert await visitor.ten(api) == [200] * 10
        assert visitor.acted.refreshes == refreshes + visitor.before


@every(RENEWING)
async def test_ten_at_once_over_a_rejected_token_refresh_once(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    for refreshes in (1, 2, 3):
        visitor.acted.reject()
        assert await visitor.ten(api) == [200] * 10
        assert visitor.acted.refreshes == refreshes + visitor.before


@every([server for server in SERVERS if server.renews_by == "access"])
async def test_a_token_that_renews_itself_is_renewed_before_it_expires(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    visitor.clock.advance(visitor.server.life * 0.9)
    assert await visitor.ten(api) == [200] * 10
    await settle()
    assert visitor.acted.refreshes == 1
    visitor.clock.advance(visitor.server.life)
    assert await visitor.ten(api) == ["refused"] * 10


@every(RENEWING)
async def test_a_new_page_resumes_the_session(visitor: EmulatedPage) -> None:
    await (await visitor.signed_in()).close()
    api = await visitor.open()
    assert await api.resume() is True
    assert await visitor.ten(api) == [200] * 10


@every(RENEWING)
async def test_a_new_page_without_a_session_asks_for_a_sign_in(visitor: EmulatedPage) -> None:
    api = await visitor.open()
    assert await api.resume() is False
    assert await visitor.ten(api) == ["signed_out"] * 10


@every(RENEWING)
async def test_a_refused_refresh_ends_the_session(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    visitor.acted.end()
    assert await visitor.ten(api) == ["refused"] * 10
    assert await api.resume() is False


@every(ENDING)
async def test_without_a_refresh_the_session_ends_with_its_token(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    visitor.clock.advance(visitor.server.life)
    sent = len(visitor.requests)
    assert await visitor.ten(api) == ["refused"] * 10
    assert len(visitor.requests) == sent, "expired, and known to be: not sent"
    api = await visitor.signed_in()
    visitor.acted.reject()
    assert await visitor.ten(api) == ["refused"] * 10


@every(TOLD)
async def test_the_server_is_told_of_a_sign_out(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    await api.sign_out()
    assert len(visitor.acted.told) == 1
    assert await visitor.ten(api) == ["signed_out"] * 10
    assert await (await visitor.open()).resume() is False
    assert not any(session.alive for session in visitor.acted.sessions.values())


@every([server for server in SERVERS if server not in TOLD])
async def test_a_server_that_can_not_be_told_is_not_asked(visitor: EmulatedPage) -> None:
    api = await visitor.signed_in()
    sent = len(visitor.requests)
    await api.sign_out()
    assert len(visitor.requests) == sent
    assert await (await visitor.open()).resume() is False


def test_each_block_of_the_document_is_of_a_server_that_is_emulated() -> None:
    assert list(BLOCKS) == [server.name for server in SERVERS]
    assert len(run_by(AS_AN_EMULATED_SERVER)) == len(SERVERS)
    table = re.findall(r"^\| \[([^]]+)\]\(#[^)]*\) \| (\d+) \|", text_of(BLOCKS["Supabase"].document), re.MULTILINE)
    assert {name: int(lines) for name, lines in table if name in BLOCKS} == {
        name: lines_of(block) for name, block in BLOCKS.items()
    }


def sent(url: str, *, method: str = "POST", kind: str = "application/json", body: str = "", **headers: str) -> Sent:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent(method, url, {"content-type": kind, **named}, {}, body.encode())


LOGIN = "https://xyzcompany.supabase.co/auth/v1/token?grant_type=password"
TYPED = '{"email": "ada@example.com", "password": "lovelace"}'
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("server", "wrong", "objection"),
    [
        (supabase, sent(LOGIN, body=TYPED), "lacks apikey"),
        (supabase, sent(LOGIN, body=TYPED, apikey="another"), "apikey is"),
        (supabase, sent(LOGIN.partition("?")[0], body=TYPED, apikey="sb_publishable_1234"), "no address"),
        (supabase, sent(LOGIN, method="PUT", body=TYPED, apikey="sb_publishable_1234"), "no address"),
        (supabase, sent(LOGIN, kind=FORM, body=TYPED, apikey="sb_publishable_1234"), "application/json, not"),
        (supabase, sent(LOGIN, body='{"email": "ada"}', apikey="sb_publishable_1234"), "lacks password"),
        (supabase, sent(LOGIN, body="{", apikey="sb_publishable_1234"), "no JSON"),
        (
            supabase,
            sent(LOGIN, body='{"email": "a", "password": "b", "grant": "c"}', apikey="sb_publishable_1234"),
            "has grant",
        ),
        (
            keycloak,
            sent(f"{keycloak.calls[0].url}", kind=FORM, body="grant_type=password&username=ada&password=lovelace"),
            "lacks client_id",
        ),
    ],
)  # fmt: skip
def test_the_emulated_server_objects_to_what_is_not_documented(server: Server, wrong: Sent, objection: str) -> None:
    acted = Emulated(server)
    said, _ = acted.answer(wrong)
    assert said.status == 400
    assert objection in acted.objections[0]
    assert acted.sessions == {}


def test_the_emulated_server_refuses_a_refresh_token_that_comes_twice_and_ends_the_session() -> None:
    acted = Emulated(supabase)
    _, granted = acted.answer(sent(LOGIN, body=TYPED, apikey="sb_publishable_1234"))
    refresh = LOGIN.replace("password", "refresh_token")

    def presented(token: str) -> tuple[int, dict[str, Any]]:
        body = f'{{"refresh_token": "{token}"}}'
        said, values = acted.answer(sent(refresh, body=body, apikey="sb_publishable_1234"))
        return said.status, values

    status, renewed = presented(granted["refresh"])
    assert status == 200
    assert presented(granted["refresh"])[0] == 400
    assert presented(renewed["refresh"])[0] == 400, "both are out of use now"
    assert (acted.refreshes, acted.objections) == (1, [])
