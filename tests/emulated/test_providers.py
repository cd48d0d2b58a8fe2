"""OAuth 2.0 servers that differ in their metadata alone: each by the line that a user writes, at its own URLs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
import pytest
import reissue
from reissue import Endpoint, Interceptor, Request, Response
from reissue.storage import Memory
from reissue.testing import Clock, settle

from tests.documents import AS_A_KNOWN_PROVIDER, run_by, text_of
from tests.emulated.rows import PROVIDERS, Provider
from tests.reissue.provider import PAGE, FakePage, jwk, private_key

API = "https://api.example/"
LIFE = 300
(BLOCK,) = run_by(AS_A_KNOWN_PROVIDER)


@dataclass
class EmulatedProvider:
    """A provider's own URLs, and an API that takes its tokens. Other URLs are objected to."""

    provider: Provider
    clock: Clock = field(default_factory=Clock)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)  # by code
    alive: set[str] = field(default_factory=set)  # refresh tokens
    presented: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)

    def signed_in(self, page: FakePage) -> None:
        """The user signs in where the page was left for, and is sent back."""
        url, _, query = page.left_for[-1].partition("?")
        assert url == self.provider.metadata["authorization_endpoint"]
        assert page.asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(9)
        self.asked[code] = dict(parse_qsl(query))
        answer = {"code": code, "state": page.asked["state"]}
        page.href = f"{page.asked['redirect_uri']}?{urlencode(answer)}"

    async def __call__(self, request: Request) -> Response:
        """The transport."""
        await asyncio.sleep(0)
        if request.url == f"{API}notes":
            return self._api(request)
        named = {url: name for name, url in self.provider.metadata.items()}
        discovery = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        match named.get(request.url, request.url):
            case url if url == discovery:
                return said({"issuer": self.provider.issuer, **self.provider.metadata})
            case "jwks_uri":
                return said({"keys": [jwk("RS256")]})
            case "token_endpoint":
                return self._grant(dict(parse_qsl(request.body)))
            case "revocation_endpoint":
                form = dict(parse_qsl(request.body))
                assert form["client_id"] == "notes"
                self.alive.discard(form["token"])
                self.revoked.append(form["token"])
                return Response(200)
        self.objections.append(f"{request.method} {request.url} is no address of this server")
        return Response(404)

    def _grant(self, form: dict[str, str]) -> Response:
        assert form["client_id"] == "notes"
        asked: dict[str, str] = {}
        if form["grant_type"] == "authorization_code":
            asked = self.asked.pop(form["code"])
            assert form["redirect_uri"] == asked["redirect_uri"]
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        else:
            self.presented.append(form["refresh_token"])
            if form["refresh_token"] not in self.alive:
                return said({"error": "invalid_grant", "error_description": "unknown refresh token"}, status=400)
            self.alive.discard(form["refresh_token"])
        self.alive.add(renewed := secrets.token_urlsafe(9))
        fields = {
            "access_token": self._signed(aud=API),
            "token_type": "Bearer",
            "expires_in": LIFE,
            "refresh_token": renewed,
        }
        if asked:
            fields["id_token"] = self._signed(aud="notes", nonce=asked["nonce"])
        return said(fields)

    def _signed(self, **more: str) -> str:
        now = int(self.clock())
        claims = {"iss": self.provider.issuer, "sub": "ada", "iat": now, "exp": now + LIFE, **more}
        return jwt.encode(claims, private_key("RS256"), algorithm="RS256", headers={"kid": "1"})

    def _api(self, request: Request) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
        except jwt.InvalidTokenError:
            return Response(401)
        return Response(200 if claims["exp"] > self.clock() else 401)


def said(fields: dict[str, Any], *, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(fields).encode())


def name(provider: Provider) -> str:
    return provider.name


@pytest.fixture(params=PROVIDERS, ids=name)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[EmulatedProvider]:
    server = EmulatedProvider(request.param)
    yield server
    assert server.objections == []


async def test_one_line_signs_in_there_and_keeps_the_user_signed_in(server: EmulatedProvider) -> None:
    page, store = FakePage(), Memory()

    def opened() -> Interceptor:
        endpoint = eval(server.provider.line, {"Endpoint": Endpoint})
        return Interceptor(server, audience=API, endpoint=endpoint, clock=server.clock, page=page, store=store)

    async def ten() -> list[Any]:
        return await asyncio.gather(*(outcome(api) for _ in range(10)))

    api = opened()
    assert await api.resume() is False
    leaving = asyncio.ensure_future(api.sign_in())
    await settle()
    server.signed_in(page)
    leaving.cancel()
    await api.close()

    api = opened()
    assert await api.resume() is True
    assert page.href == PAGE
    assert api.identity["iss"] == server.provider.issuer
    assert await ten() == [200] * 10
    for refreshes in (1, 2):
        server.clock.advance(LIFE)
        assert await ten() == [200] * 10
        assert len(set(server.presented)) == len(server.presented) == refreshes

    await api.close()
    api = opened()
    assert await api.resume() is True, "from the store"
    await api.sign_out()
    assert len(server.revoked) == (1 if server.provider.revokes else 0)
    assert await ten() == ["signed_out"] * 10
    await api.close()


async def test_a_refused_refresh_ends_the_session_there(server: EmulatedProvider) -> None:
    endpoint = eval(server.provider.line, {"Endpoint": Endpoint})
    api = Interceptor(server, audience=API, endpoint=endpoint, clock=server.clock, page=FakePage())
    await api.adopt(server._signed(aud=API), refresh_token="of another day")
    server.clock.advance(LIFE)
    assert await asyncio.gather(*(outcome(api) for _ in range(10))) == ["refused"] * 10
    assert server.presented == ["of another day"]
    await api.close()


async def outcome(api: Interceptor) -> Any:
    try:
        return (await api.fetch(f"{API}notes")).status
    except reissue.SessionEnded as ended:
        return ended.reason


def test_the_documents_block_names_the_first_provider() -> None:
    assert f"reissue.{PROVIDERS[0].line}" in BLOCK.code
    text = text_of(BLOCK.document)
    for provider in PROVIDERS:
        assert f"| {provider.name} | `{provider.line}` |" in text, provider.name
