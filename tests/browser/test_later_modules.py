"""The second part of Python's standard library: it comes when Python imports a module of it, and not before."""

import pytest

from tests.blank_pages import PAGES
from tests.browser.test_clients import BLOB
from tests.browser.visit import Visit

IMPORT_ALL = """
import importlib, sys, zipfile
failed = {}
for file in zipfile.ZipFile("/lib/python314.zip").namelist():
    name = file.removesuffix(".pyc").removesuffix("/__init__").replace("/", ".")
    if not file.endswith(".pyc") or name in {"antigravity", "this"} or name.endswith("__main__"):
        continue
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = error.name
failed
"""


@pytest.fixture(autouse=True)
def later_modules_are_expected(request: pytest.FixtureRequest) -> None:
    for name in {"kept", "visit"} & {*request.fixturenames}:
        request.getfixturevalue(name).imports_later_modules = True


@pytest.mark.firefox
@pytest.mark.new_page
def test_what_no_page_needs_at_once_is_brought_once_and_by_whoever_imports_it(kept: Visit) -> None:
    assert kept.requests_for_later_modules() == []
    assert kept.run(
        """
import statistics, logging
import logging.config
import xml.etree.ElementTree as tree
from email.message import EmailMessage
import email.policy
import unittest.mock, tomllib
[
    statistics.median([1, 2, 9]),
    callable(logging.config.dictConfig), logging.config.__name__,
    tree.fromstring("<a><b/></a>")[0].tag,
    EmailMessage(policy=email.policy.default)["subject"],
    unittest.mock.Mock(return_value=3)(),
    tomllib.loads("a = 1"),
    "é".encode("cp850").hex(), "é".encode("mac_roman").hex(),
]
"""
    ) == [2, True, "logging.config", "b", None, 3, {"a": 1}, "82", "8e"]
    assert len(kept.requests_for_later_modules()) == 1


@pytest.mark.new_page
def test_every_module_can_be_imported(kept: Visit) -> None:
    assert kept.run(IMPORT_ALL) == {
        **dict.fromkeys(["asyncio.windows_events", "asyncio.windows_utils"]),
        **dict.fromkeys(["concurrent.futures.interpreter", "concurrent.interpreters"], "_interpreters"),
        **dict.fromkeys(["encodings.mbcs", "encodings.oem"], "codecs"),
    }, "what Pyodide lacks or Windows alone has, and no other"
    assert len(kept.requests_for_later_modules()) == 1


@pytest.mark.firefox
@pytest.mark.new_page
def test_a_later_module_that_does_not_arrive_says_so_and_comes_when_the_network_is_back(kept: Visit) -> None:
    kept.expect_console("ERR_INTERNET_DISCONNECTED", times=2)
    kept.context.set_offline(True)
    said = kept.run(
        """
said = []
for attempt in (lambda: __import__("statistics"), lambda: "é".encode("cp850")):
    try:
        attempt()
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
said
"""
    )
    missing = "is in the second part of Python's standard library, which did not arrive (no answer from http"
    assert [line.partition("://")[0] for line in said] == [
        f"ImportError: statistics {missing}",
        f"LookupError: encodings.cp850 {missing}",
    ]
    kept.context.set_offline(False)
    assert kept.run("import statistics\n[statistics.mean([1, 3]), 'é'.encode('cp850').hex()]") == [2, "82"]


@pytest.mark.new_page
def test_a_server_that_has_lost_the_archive_is_named_with_its_status(kept: Visit) -> None:
    kept.context.route("**/python_stdlib_later.zip", lambda route: route.fulfill(status=404))
    kept.expect_console("status of 404")
    said = kept.run(
        """
try:
    import tomllib
except ImportError as error:
    said = [error.name, str(error)]
said
"""
    )
    assert said[0] == "tomllib"
    assert "(status 404 from http" in said[1]


@pytest.mark.firefox
@pytest.mark.new_page
def test_a_start_page_in_place_of_the_archive_says_so_and_the_next_import_is_fresh(kept: Visit) -> None:
    """A server of a single-page app gives it for any URL, with status 200, and the browser may keep it for a year."""
    start_page = {"Content-Type": "text/html", "Cache-Control": "public, max-age=31536000, immutable"}
    places = "**/python_stdlib_later.zip*"
    kept.context.route(places, lambda route: route.fulfill(headers=start_page, body="<!doctype html><p>Welcome"))
    said = kept.run("try:\n    import tomllib\nexcept ImportError as error:\n    said = str(error)\nsaid")
    assert "did not arrive (another file came from http" in said
    kept.context.unroute(places)
    assert kept.run("import tomllib\ntomllib.loads('a = 1')") == {"a": 1}


def test_a_page_whose_policy_forbids_to_wait_for_an_answer_is_told_which(visit: Visit) -> None:
    """Many a list of headers for safety has `sync-xhr=()`. Chromium obeys it."""
    visit.expect_console("sync-xhr|Synchronous requests are disabled", times=0, at_most=9)
    visit.begin_blank("plain.html")  # it has no Python
    policy = {"Content-Type": "text/html", "Permissions-Policy": "sync-xhr=()"}
    visit.context.route("**/blank.html", lambda route: route.fulfill(path=PAGES / "blank.html", headers=policy))
    visit.page.goto(f"{visit.server.url}blank.html")
    visit.blank_has_begun()
    said = visit.run("try:\n    import tomllib\nexcept ImportError as error:\n    said = str(error)\nsaid")
    assert "(the page's Permissions-Policy forbids sync-xhr)" in said


@pytest.mark.new_page
def test_it_comes_past_a_client_whose_audience_is_the_whole_origin(kept: Visit) -> None:
    """The page waits for the answer, so Python could not answer for a token meanwhile."""
    assert (
        kept.run(
            """
import reissue
api = reissue.connect("/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
api.install()
import configparser
configparser.ConfigParser.__name__
"""
        )
        == "ConfigParser"
    )
    (request,) = kept.requests_for_later_modules()
    assert "authorization" not in request.headers


def test_python_in_a_worker_brings_it_as_well(visit: Visit) -> None:
    visit.expect_console("Unable to use `window` or `document` in worker", times=0, at_most=1)
    visit.open_blank("pyscript_worker.html", policy=BLOB)
    assert visit.run("import fractions\nstr(fractions.Fraction(3, 6))") == "1/2"
    assert len(visit.requests_for_later_modules()) == 1


@pytest.mark.new_page
def test_the_library_needs_none_of_it(kept: Visit) -> None:
    """It may need a module for the first time when the network is gone. PyJWT and the clients may, too."""
    kept.imports_later_modules = False
    imported = kept.run(
        """
import importlib, pyodide_js, zipfile
await pyodide_js.loadPackage(["httpx2", "requests", "pyodide-http"], messageCallback=lambda *_: None)
import httpx2, jwt, pyodide_http, requests, urllib3
names = [
    name.removesuffix(".pyc").removesuffix("/__init__").replace("/", ".")
    for name in zipfile.ZipFile("/lib/wheels/reissue.whl").namelist() if name.endswith(".pyc")
]
for name in names:
    if name != "reissue.notebook.widget":  # anywidget's
        importlib.import_module(name)
len(names)
"""
    )
    assert imported > 20
