"""What the inspector is shown of a client: its current token, and where that is kept."""

from typing import Any

from reissue import Credential, Endpoint, Interceptor, Response
from reissue.storage import Memory


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


async def test_of_a_token_in_a_cookie_its_place_is_shown_and_no_name_in_its_stead() -> None:
    async def server(_: object) -> Response:
        return Response(204)

    endpoint = Endpoint("https://api.test/auth", tokens="cookie")
    api = Interceptor(server, audience="https://api.test/", endpoint=endpoint)
    await api.sign_in(username="ada")
    snapshot = api._snapshot()
    assert snapshot is not None
    assert (snapshot.token, snapshot.place, snapshot.refresh_token_in_page) == ("", "cookie", False)
    await api.close()
