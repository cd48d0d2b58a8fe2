"""`api.get` and the like in a page: paths relative to the audience, and `raise_for_status`."""

from __future__ import annotations

from tests.browser.test_wire import both_ways, both_ways_one_in_firefox
from tests.browser.test_wire import python as python
from tests.browser.visit import REFUSED, Visit

ALL_VERBS = """
made = await (await api.post("notes", json={"text": "hi"})).json()
listed = await (await api.get("notes", params={"page": 1})).json()
gone = await api.delete(f"notes/{made['id']}")
[any(note["text"] == "hi" for note in listed), gone.status]
"""
STATUS_ERROR = """
import pyodide.http
response = await api.get("nothing", params={"secret": "s3cr3t"})
try:
    response.raise_for_status()
except reissue.HttpStatusError as error:
    caught = error
[caught.status, caught.url, str(caught), isinstance(caught, pyodide.http.HttpStatusError), caught.response is response,
 repr(response), (await api.get("me")).raise_for_status().status]
"""


@both_ways_one_in_firefox
def test_the_verbs_read_paths_relative_to_the_audience(python: Visit) -> None:
    """Q1."""
    python.server.control("/dev/revoke")
    python.expect_console(REFUSED)
    assert python.run(ALL_VERBS) == [True, 204]
    assert python.server.counters()["refreshes_asked"] == 1


@both_ways
def test_a_path_out_of_the_audience_is_an_error(python: Visit) -> None:
    """X1."""
    for call in ("get", "download", "object_url"):
        assert "leads out of the audience" in python.run(
            f"try:\n    await api.{call}('/dev/counters')\nexcept ValueError as error:\n    said = str(error)\nsaid"
        )
    assert python.requests_to("/dev/counters") == []


@both_ways_one_in_firefox
def test_raise_for_status_raises_what_pyodide_raises_without_the_urls_secrets(python: Visit) -> None:
    python.expect_console("status of 404")
    url = f"{python.server.url}api/nothing"
    status, at, text, is_pyodides, same, shown, ok = python.run(STATUS_ERROR)
    assert (status, at, is_pyodides, same, ok) == (404, url, True, True, 200)
    assert url in text
    assert "s3cr3t" not in text + shown
    assert shown == f"<Response 404 {url}>"


def test_a_client_in_a_page_says_what_it_is(python: Visit) -> None:
    assert python.run("repr(api)").startswith(
        f"<reissue client of {python.server.url}api/: signed in, access token valid"
    )
