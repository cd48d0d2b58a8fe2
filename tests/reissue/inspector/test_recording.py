"""The picture of a client's requests as a notebook shows it, where there is no page."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from types import ModuleType
from typing import Any

import pytest
import reissue
from reissue.inspector.recording import WIDTH, Recording
from reissue.inspector.requests import axis
from reissue.inspector.requests.flow import STACK
from reissue.inspector.requests.lanes import CLOSE, ROOMY
from reissue.inspector.requests.svg import colours

from tests.reissue.conftest import API, World
from tests.reissue.inspector.requests.story import REFUSED, SENT, STARTED, Story

SVG = "{http://www.w3.org/2000/svg}"


def parsed(recording: Recording, **options: Any) -> ElementTree.Element:
    return ElementTree.fromstring(recording.svg(**options))


def paths(recording: Recording, **options: Any) -> dict[str, str]:
    found = parsed(recording, **options).iter(f"{SVG}path")
    return {path.attrib["class"]: path.attrib["d"] for path in found}


def texts(recording: Recording) -> list[str]:
    return [text.text or "" for text in parsed(recording).iter(f"{SVG}text")]


async def test_a_storm_is_a_picture_with_every_request_and_the_one_refresh(world: World) -> None:
    api = await world.signed_in()
    recording = reissue.inspect(api)
    for response in world.fetches(20):
        assert (await response).status == 200
    drawn = paths(recording)
    assert {"wire", "refusal", "replay", "call", "token"} <= drawn.keys()
    assert texts(recording).count("refresh") == 1
    root = parsed(recording)
    assert (root.attrib["width"], int(root.attrib["height"])) == (str(WIDTH), axis.HEIGHT + 20 * ROOMY.lane + 6)
    assert root.attrib["aria-label"] == "Requests: 20 · Token renewed"
    markup = recording._repr_html_()
    assert recording._repr_svg_() in markup
    assert "sent again" in markup, "the colours that are there are explained"
    assert "waits for another sign-in" not in markup, "and no others"
    assert [word for word in ("token-1", "token-2", "refresh-1") if word in markup] == []


async def test_it_records_from_the_call_until_it_is_closed(world: World) -> None:
    api = await world.signed_in("token-2")
    await api.fetch(f"{API}before")
    recording = reissue.inspect(api)
    assert "No request yet." in recording._repr_html_()
    await api.fetch(f"{API}while")
    recording.close()
    await api.fetch(f"{API}after")
    assert [life.url for life in recording.trace.requests.lives] == [f"{API}while"]
    assert "Requests: 1" in recording._repr_html_(), "what was recorded can still be shown"
    recording.clear()
    assert recording.trace.requests.count == 0
    recording.close()


async def test_many_requests_are_narrow_lanes_and_very_many_an_area(world: World) -> None:
    recording = reissue.inspect(world.api)
    story = Story(recording.trace)
    story.storm(40)
    assert int(parsed(recording).attrib["height"]) == axis.HEIGHT + 40 * CLOSE.lane + 6
    recording.clear()
    story.storm(400)
    assert int(parsed(recording).attrib["height"]) < 300
    assert texts(recording)[0] == "400", "the scale"


async def test_of_a_long_record_the_last_seconds_are_shown(world: World) -> None:
    recording = reissue.inspect(world.api)
    story = Story(recording.trace)
    story.whole(1, 0.0, 1.0)
    story.whole(2, 50.0, 51.0, status=404)
    assert paths(recording)["wire"].count("M") == 1
    assert paths(recording, seconds=100)["wire"].count("M") == 2


async def test_what_comes_from_outside_is_escaped(world: World) -> None:
    recording = reissue.inspect(world.api)
    Story(recording.trace).whole(1, 0.0, 1.0, url="https://api.test/<script>&")
    assert "GET /<script>&" in " ".join(texts(recording))
    assert "<script" not in recording._repr_html_()


async def test_what_still_runs_ends_now(world: World) -> None:
    recording = reissue.inspect(world.api)
    story = Story(recording.trace)
    for phase in (STARTED, SENT, REFUSED):
        story.request(1, 0.0, phase)
    assert "now" in paths(recording)


def test_every_style_has_its_colour_on_light_and_on_dark_ground() -> None:
    known = colours()
    styles = {
        *(stage.value for stage in STACK),
        *["ground", "refusal", "failed", "cancelled", "chosen", "grid", "scale", "band", "band_bad"],
    }
    styles |= {"token", "token_over", "mark", "call", "call_bad", "ink", "quiet", "on_token", "now"}
    assert styles <= known.keys()
    for name in styles:
        light, dark = re.fullmatch(r"light-dark\((#\w+), (#\w+)\)", known[name]).groups()  # type: ignore[union-attr]
        assert light != dark, name


async def test_it_speaks_the_language_that_was_asked_for_or_the_browsers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'lang="en"' in reissue.inspect(world.api)._repr_html_()
    assert 'lang="ko"' in reissue.inspect(world.api, language="ko-KR")._repr_html_()
    with pytest.raises(ValueError, match="language is 'en' or 'ko', not 'xx'"):
        reissue.inspect(world.api, language="xx")
    browser: Any = ModuleType("reissue.browser.language")
    browser.preferred_language = lambda: "ko-KR"
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "reissue.browser.language", browser)
    monkeypatch.setitem(sys.modules, "reissue.browser", ModuleType("reissue.browser"))
    assert 'lang="ko"' in reissue.inspect(world.api)._repr_html_()
    browser.preferred_language = lambda: ""
    assert 'lang="en"' in reissue.inspect(world.api)._repr_html_()
