"""The page's files: what is served, as what, for how long, and what is not served."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.devserver.conftest import Client, MakeClient, put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "checkout"


@pytest.fixture
def visitor(make_client: MakeClient, root: Path) -> Client:
    put(root, "index.html", "<!doctype html>")
    put(root, "pyscript.toml", "[files]")
    put(root, "serve.py", "secret")
    put(root, "devserver/app.py", "secret")
    put(root, ".git/config", "secret")
    put(root, "app/main.py", "print()")
    put(root, "app/reissue/session/session.py", "0")
    put(root, "app/.env", "secret")
    put(root, "app/.hidden/a.py", "secret")
    put(root, "app/__pycache__/main.cpython-311.pyc", "secret")
    put(root, "app/reissue/py.typed", "")
    put(root, "site/docs/guide.html", "<!doctype html>")
    put(root, "site/docs/storm.webp", b"RIFF")
    put(root, "site/docs/source/reissue/entry.py.txt", "0")
    put(root, "site/py/shim.mjs", "export {}")
    put(root, "site/py/interpreter-1/pyodide.asm.wasm", b"\0asm")
    put(root, "site/pyscript/core.js", "0")
    put(root, "site/pyscript/core-1/chunk.js", "0")
    return make_client(root=root, site=root / "site")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/pyscript.toml", "application/toml"),
        ("/app/main.py", "text/x-python; charset=utf-8"),
        ("/docs/guide.html", "text/html; charset=utf-8"),
        ("/docs/storm.webp", "image/webp"),
        ("/docs/source/reissue/entry.py.txt", "text/plain; charset=utf-8"),
        ("/py/shim.mjs", "text/javascript; charset=utf-8"),
        ("/py/interpreter-1/pyodide.asm.wasm", "application/wasm"),
        ("/pyscript/core.js", "text/javascript; charset=utf-8"),
    ],
)
def test_each_file_has_its_type(visitor: Client, path: str, kind: str) -> None:
    answer = visitor.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert visitor.http.head(path).headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "path",
    [
        "/serve.py",
        "/devserver/app.py",
        "/index.html",
        "/app",
        "/app/",
        "/app/reissue",
        "/app/reissue/py.typed",
        "/app/.env",
        "/app/.hidden/a.py",
        "/app/__pycache__/main.cpython-311.pyc",
        "/app/nothing.py",
        "/app/main.py/x.py",
        "/app/../serve.py",
        "/app/%2e%2e/serve.py",
        "/app/..%2fserve.py",
        "/app/%2e%2e%2fserve.py",
        "/app/..%5cserve.py",
        "/app//serve.py",
        "/app/%00.py",
        "/app/" + "a" * 5000 + ".py",
        "/.git/config",
        "/py/../../serve.py",
        "/py/%2e%2e/%2e%2e/serve.py",
    ],
)
def test_nothing_else_of_the_folder_is_served(visitor: Client, path: str) -> None:
    # As raw bytes: the client would tidy the path up.
    answer = visitor.http.get(visitor.http.base_url.copy_with(raw_path=path.encode()))
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_an_absolute_path_below_app_is_not_served(visitor: Client, root: Path) -> None:
    path = f"/app/{root / 'serve.py'}"
    assert visitor.http.get(visitor.http.base_url.copy_with(raw_path=path.encode())).status_code == 404


def test_a_link_out_of_the_folder_is_not_followed(visitor: Client, root: Path) -> None:
    (root / "app" / "link.py").symlink_to(root / "serve.py")
    assert visitor.http.get("/app/link.py").status_code == 404


def test_a_missing_page_is_a_404(visitor: Client, root: Path) -> None:
    (root / "index.html").unlink()
    assert visitor.http.get("/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/app/main.py", "/py/shim.mjs"])
def test_files_are_read_only(visitor: Client, path: str) -> None:
    assert visitor.http.post(path).status_code == 405


def test_the_console_stays_clean_of_a_missing_icon(visitor: Client) -> None:
    assert visitor.http.get("/favicon.ico").status_code == 204


# Caching


@pytest.mark.parametrize(
    "path",
    ["/", "/pyscript.toml", "/app/main.py", "/app/reissue/session/session.py", "/py/shim.mjs", "/pyscript/core.js"],
)
def test_a_file_that_may_change_is_asked_about_each_time(visitor: Client, root: Path, path: str) -> None:
    first = visitor.http.get(path)
    assert first.headers["cache-control"] == "no-cache"
    headers = {"If-None-Match": first.headers["etag"]}
    again = visitor.http.get(path, headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    file = root / {"/": "index.html", "/pyscript.toml": "pyscript.toml"}.get(path, "")
    if file.is_dir():
        file = root / path.removeprefix("/") if path.startswith("/app") else root / "site" / path[1:]
    file.write_text("changed and longer")
    assert visitor.http.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/py/interpreter-1/pyodide.asm.wasm", "/pyscript/core-1/chunk.js"])
def test_a_file_in_a_folder_with_a_digest_is_kept_for_ever(visitor: Client, path: str) -> None:
    assert visitor.http.get(path).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_missing_file_is_not_kept_for_ever(visitor: Client) -> None:
    answer = visitor.http.get("/py/interpreter-1/missing.wasm")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


# Compression


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br", "br"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=x", None),
        ("identity", None),
        ("", None),
        (",;,", None),
    ],
)
def test_the_best_compressed_neighbour_is_sent(visitor: Client, root: Path, accept: str, coding: str | None) -> None:
    path = "site/py/interpreter-1/pyodide.asm.wasm"
    bodies = {None: (root / path).read_bytes(), "br": b"brotli", "gzip": b"gz"}
    put(root, path + ".br", b"brotli")
    put(root, path + ".gz", b"gz")
    url = "/py/interpreter-1/pyodide.asm.wasm"
    with visitor.http.stream("GET", url, headers={"Accept-Encoding": accept}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == coding
    assert raw == bodies[coding]
    assert int(answer.headers["content-length"]) == len(raw)
    assert answer.headers["content-type"] == "application/wasm"
    assert "accept-encoding" in answer.headers["vary"].lower()


def test_the_codings_of_one_file_have_different_tags(visitor: Client, root: Path) -> None:
    put(root, "app/main.py.br", b"brotli")
    tags = {visitor.http.head("/app/main.py", headers={"Accept-Encoding": a}).headers["etag"] for a in ("", "br")}
    assert len(tags) == 2


def test_a_neighbour_that_is_older_than_its_file_is_not_sent(visitor: Client, root: Path) -> None:
    old = put(root, "app/main.py.br", b"brotli")
    os.utime(old, (0, 0))
    answer = visitor.http.get("/app/main.py", headers={"Accept-Encoding": "br"})
    assert answer.text == "print()"


def test_a_compressed_file_is_no_page_of_its_own(visitor: Client, root: Path) -> None:
    put(root, "app/main.py.br", b"brotli")
    assert visitor.http.get("/app/main.py.br").status_code == 404
