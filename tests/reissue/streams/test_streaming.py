"""`api.stream`: a response whose connection is let go at the end of the block."""

import pytest
from reissue import Endpoint, Interceptor, Response
from reissue.testing import FakeServer, StreamedResponse


async def signed_in(server: FakeServer) -> Interceptor:
    api = server.connect("/api/", endpoint=Endpoint("/auth"))
    await api.sign_in(username="ada", password="lovelace")
    return api


async def test_the_body_is_read_as_it_arrives_and_the_connection_is_let_go_at_the_end_of_the_block() -> None:
    sent = StreamedResponse([b"one", b"two"])
    server = FakeServer(answer=lambda request: sent)
    api = await signed_in(server)
    async with api.stream("/api/export", method="POST", json={}) as response:
        assert [chunk async for chunk in response.aiter_bytes()] == [b"one", b"two"]
        assert not sent.discarded
    assert sent.discarded
    assert server.requests[0].method == "POST"


async def test_the_connection_is_let_go_also_if_the_block_fails() -> None:
    sent = StreamedResponse([b"one", b"two"])
    api = await signed_in(FakeServer(answer=lambda request: sent))
    with pytest.raises(KeyError):
        async with api.stream("/api/export"):
            raise KeyError
    assert sent.discarded


async def test_a_401_is_replayed_and_any_response_will_do() -> None:
    server = FakeServer(answer=lambda request: Response(200, {}, b"all"))
    api = await signed_in(server)
    server.revoke()
    async with api.stream("/api/export") as response:
        assert [text async for text in response.aiter_text()] == ["all"]
    assert server.refreshes == 1


@pytest.mark.parametrize("path", ["export", "./export", "/api/export"])
async def test_a_path_is_relative_to_the_audience_as_with_the_verbs(path: str) -> None:
    server = FakeServer(answer=lambda request: Response(204))
    api = await signed_in(server)
    async with api.stream(path, params={"page": 2}):
        pass
    assert [event async for event in api.event_stream(path, params={"page": 2})] == []
    assert [request.url.partition("/api/")[2] for request in server.requests] == ["export?page=2"] * 2


async def test_a_path_that_leads_out_of_the_audience_is_an_error_and_nothing_is_sent() -> None:
    """X1"""
    server = FakeServer()
    api = await signed_in(server)
    with pytest.raises(ValueError, match="leads out of the audience"):
        async with api.stream("../export"):
            raise AssertionError
    with pytest.raises(ValueError, match="leads out of the audience"):
        api.event_stream("/export")
    assert server.requests == []


async def test_invalid_arguments_raise_as_those_of_fetch_do() -> None:
    api = await signed_in(FakeServer())
    with pytest.raises(TypeError, match="takes no bdoy="):
        async with api.stream("/api/export", bdoy=b""):
            raise AssertionError
