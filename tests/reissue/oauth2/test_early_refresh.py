"""The refresh that a page sends before its Python runs: what it must be like, and what becomes of its answer."""

import json
from typing import Any

import pytest
from reissue import Endpoint, Interceptor, Request, Response, Route, State
from reissue.errors import RefreshUnavailable
from reissue.http.urls import parse_url
from reissue.oauth2.early_refresh import EarlyAnswer, EarlyAnswers, fixed_refresh, text_of
from reissue.testing import Clock

from tests.reissue.conftest import API

URL = "https://api.test/auth"
BY_HEADER = Route("refresh", headers={"Authorization": "Bearer {access_token}"})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cookie": False}, "by a cookie"),
        ({"credentials": "omit"}, "by a cookie"),
        ({"refresh": None}, "with a refresh"),
        ({"headers": lambda: {"X-CSRF": "now"}}, "headers that stay the same"),
        ({"refresh": Route("refresh", headers=lambda: {"X-CSRF": "now"})}, "headers that stay the same"),
        ({"refresh": BY_HEADER}, "names no token"),
    ],
)
def test_a_refresh_that_needs_python_can_not_be_early(settings: dict[str, Any], reason: str) -> None:
    """X4: A CSRF token is read when a request is sent."""
    with pytest.raises(ValueError, match=f"resume_early=True needs .*{reason}"):
        fixed_refresh(Endpoint(URL, **settings)._requests, parse_url)


def test_the_early_refresh_is_the_one_that_the_client_sends_by_cookie() -> None:
    requests = Endpoint(URL, headers={"X-App": "1"}, fields={"client": "é"}, credentials="include")._requests
    assert json.loads(fixed_refresh(requests, parse_url)) == {
        "url": f"{URL}/refresh",
        "method": "POST",
        "headers": {"Accept": "application/json", "X-App": "1", "Content-Type": "application/json"},
        "body": '{"client": "é"}',
        "keepalive": True,
        "cache": "no-store",
        "redirect": "error",
        "credentials": "include",
    }


@pytest.mark.parametrize(
    "settings", [{}, {"encoding": "form"}, {"refresh": Route("session", method="GET")}, {"tokens": "cookie"}]
)
def test_whatever_the_encoding_the_early_refresh_is_the_clients(settings: dict[str, Any]) -> None:
    requests = Endpoint(URL, **settings)._requests
    request = requests.refresh(None)
    assert request is not None
    assert fixed_refresh(requests, parse_url) == text_of(request)


class Aged(Response):
    """An answer that has been here for twenty seconds."""

    age = 20.0


class Page:
    """A client at its start, whose early refresh was answered; `sent` is what its Python sends all the same."""

    def __init__(self, answer: Response, *, url: str = f"{URL}/refresh", **settings: Any) -> None:
        self.sent: list[Request] = []
        self.answers = EarlyAnswers(self._send)
        self.endpoint = Endpoint(URL, **settings)
        early = self.endpoint._requests.refresh(None)
        assert early is not None
        noted = text_of(Request(url, early.method, early.headers, early.body, early.options))
        self.answers.answer = EarlyAnswer(noted, lambda _: answer)
        self.clock = Clock()
        self.api = Interceptor(self.answers, audience=API, endpoint=self.endpoint, clock=self.clock)

    async def _send(self, request: Request) -> Response:
        self.sent.append(request)
        return granted("later")


def granted(token: str, kind: type[Response] = Response) -> Response:
    return kind(200, {}, json.dumps({"access_token": token, "expires_in": 60}).encode())


async def test_an_early_answer_stands_for_the_first_refresh_and_for_no_other() -> None:
    page = Page(granted("early"))
    assert await page.api.resume()
    assert (page.api.state, page.sent) == (State.SIGNED_IN, [])
    await page.api.renew()
    assert [request.url for request in page.sent] == [f"{URL}/refresh"]


async def test_the_answer_to_another_request_is_not_taken() -> None:
    page = Page(granted("early"), url=f"{URL}/refresh?of=another")
    assert await page.api.resume()
    assert [request.url for request in page.sent] == [f"{URL}/refresh"]


async def test_a_sign_in_before_the_resume_takes_no_early_answer_and_leaves_none() -> None:
    """S3: It is the answer to the cookie of the user before."""
    page = Page(granted("early"))
    await page.api.sign_in(username="grace", password="hopper")
    await page.api.renew()
    assert [request.url for request in page.sent] == [f"{URL}/login", f"{URL}/refresh"]


async def test_an_early_answer_that_asks_to_wait_is_the_servers_word() -> None:
    """F2: Python does not ask once more at once."""
    page = Page(Response(429, {"Retry-After": "60"}))
    with pytest.raises(RefreshUnavailable) as raised:
        await page.api.resume()
    assert (raised.value.retry_after, page.sent) == (60, [])


async def test_the_age_of_an_early_token_counts_from_its_arrival() -> None:
    """T12: Not from when Python was up."""
    page = Page(granted("early", Aged))
    await page.api.resume()
    session = page.api._lifecycle.alive
    assert session is not None
    assert session.credential.remaining(page.clock()) == 40
