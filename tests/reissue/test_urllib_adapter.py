"""The adapter for urllib, with what is the browser's replaced: the caller's own request object."""

import sys
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest

from tests.reissue.conftest import API, World


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module `reissue.adapters.urllib`. Its requests need no wait."""

    def wait_for(step: Any) -> Any:
        try:
            step.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("it would wait")

    def attempts_of(api: Any, request: Any) -> Any:
        return api.attempts(request)

    jspi = SimpleNamespace(wait_for=wait_for, attempts_of=attempts_of)
    monkeypatch.setitem(sys.modules, "reissue.browser.jspi", jspi)
    monkeypatch.delitem(sys.modules, "reissue.adapters.urllib", raising=False)
    import reissue.adapters.urllib as module

    yield module
    del sys.modules["reissue.adapters.urllib"]


class Opened:
    """`urlopen` in front of a server that does not answer at first."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.status = 200

    def __call__(self, request: urllib.request.Request) -> Any:
        self.sent.append(dict(request.header_items()))
        if len(self.sent) == 1:
            raise OSError("offline")
        return SimpleNamespace(status=self.status, getheaders=lambda: [])


async def test_a_request_object_that_is_sent_again_carries_the_next_users_token(
    world: World, adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3: a token that a failed attempt had left in it would count as the caller's own."""
    opened = Opened()
    monkeypatch.setattr(urllib.request, "urlopen", opened)
    world.api = world.make(headers={"X-csrf": "own"})
    await world.api.adopt("of-ada")
    request = urllib.request.Request(API + "notes", headers={"X-csrf": "callers"})
    opener = adapter.ReissueOpener(world.api)
    with pytest.raises(OSError, match="offline"):
        opener.open(request)
    await world.api.sign_out()
    await world.api.adopt("of-bob")
    opener.open(request)
    assert [fields["Authorization"] for fields in opened.sent] == ["Bearer of-ada", "Bearer of-bob"]
    assert [fields["X-csrf"] for fields in opened.sent] == ["own"] * 2, "in place of the request's"
    assert dict(request.header_items()) == {"X-csrf": "callers"}, "as the caller made it"
