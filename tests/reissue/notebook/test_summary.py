"""What a notebook shows of a client: it says all that helps, to whoever reads it and whenever, and no secret."""

import html
import re
from typing import Any

import pytest
from reissue import Interceptor, ReissueError
from reissue.notebook.recent import KEPT
from reissue.notebook.summary import name_of
from reissue.testing import Gate

from tests.reissue.conftest import API, World
from tests.reissue.tokens.example_token import token


def shown(api: Interceptor) -> str:
    """As plain text, the way that a mail gets it: the style aside, cells and lines apart."""
    markup = re.sub(r"<style>.*?</style>", "", api._repr_html_(), flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", markup).split()))


async def test_before_a_sign_in_it_says_that_no_user_is_signed_in(world: World) -> None:
    assert shown(world.api) == (
        f"reissue client of {API} At 2023-11-14 22:13:20 UTC: no user is signed in. No request has ended yet."
    )


async def test_it_names_the_user_the_time_left_and_the_last_requests(world: World) -> None:
    world.server.accepts = token({"sub": "7", "name": "Ada"})
    await world.signed_in(world.server.accepts)
    await world.api.post(f"{API}notes?draft=secret", json={"text": "hidden"})
    world.clock.advance(100)
    text = shown(world.api)
    assert "signed in as Ada ; the access token is valid for 200 s, until 2023-11-14 22:18:20." in text
    assert text.endswith(f"Last requests Outcome 2023-11-14 22:13:20 POST {API}notes 200")
    world.clock.advance(201)
    assert "the access token has expired." in shown(world.api)


async def test_it_holds_neither_token_nor_query_nor_body(world: World) -> None:
    api = await world.signed_in("token-1", refresh_token="refresh-1")
    await api.fetch(f"{API}notes?key=word#part", method="POST", body="hidden")
    markup = api._repr_html_()
    held: Any = api._lifecycle.alive
    secrets = ["token-1", "refresh-1", held.credential.access_token, held.credential.refresh_token]
    assert [word for word in (*secrets, "key=", "word", "hidden") if word in markup] == []


async def test_it_escapes_what_comes_from_outside(world: World) -> None:
    name = '<img src=x onerror="alert(1)">\N{RIGHT-TO-LEFT OVERRIDE}' + "a" * 500
    await world.signed_in(token({"name": name}))
    markup = world.api._repr_html_()
    assert "<img" not in markup
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in markup
    assert "a" * 200 not in markup
    assert "&lt;img src=x onerror=&quot;" in markup


async def test_each_kind_of_end_has_its_word(world: World) -> None:
    api = await world.signed_in("token-2")
    world.server.gate = Gate()
    (waiting,) = world.fetches(1)
    await world.server.gate.reached()
    waiting.cancel()
    world.server.gate = None
    await api.sign_out()
    with pytest.raises(ReissueError):
        await api.fetch(f"{API}late")
    assert re.findall(r"notes/0 \w+|late \w+", shown(api)) == ["late SessionEnded", "notes/0 cancelled"], "newest first"


async def test_only_the_last_requests_are_remembered(world: World) -> None:
    api = await world.signed_in("token-2")
    for number in range(KEPT + 3):
        await api.fetch(f"{API}notes/{number}")
    assert re.findall(r"notes/(\d+)", shown(api)) == [str(number) for number in range(KEPT + 2, 2, -1)]


async def test_a_closed_client_is_shown_as_well(world: World) -> None:
    api = await world.signed_in()
    await api.close()
    assert "no user is signed in" in shown(api)


async def test_a_token_that_outlives_every_calendar_is_shown(world: World) -> None:
    await world.signed_in(expires_in=1e14)
    assert "until a time that no calendar has" in shown(world.api)


@pytest.mark.parametrize(
    ("sources", "claim", "name"),
    [
        (({}, {}), None, ""),
        (({}, {"sub": 7}), None, "7"),
        (({"sub": "7", "email": "ada@x.test"}, {"name": "Ada"}), None, "ada@x.test"),
        (({"name": " "}, {"preferred_username": "ada", "sub": "7"}), None, "ada"),
        (({"sub": True}, {"sub": ["7"]}), None, ""),
        (({}, {"login": "ada", "sub": "7"}), "login", "ada"),
    ],
)
def test_a_user_is_called_by_the_name_that_people_know(
    sources: tuple[dict[str, Any], ...], claim: str | None, name: str
) -> None:
    assert name_of(*sources, claim=claim) == name
