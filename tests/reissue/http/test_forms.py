"""Forms, as `data=` and `files=` describe them: httpx's shapes, read when the request is made."""

import io
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import Endpoint, Request
from reissue.http.forms import Form, FormEntry
from reissue.testing import FakeServer

URL = "https://api.test/upload"


def build(**options: Any) -> Request:
    return Request.build(URL, method="POST", **options)


def entries(files: Any, data: Any = None) -> list[tuple[str, Any, str | None, str | None]]:
    body = build(files=files, data=data).body
    assert isinstance(body, Form)
    return [(entry.name, entry.value, entry.filename, entry.content_type) for entry in body.entries]


def received(form: Form) -> list[tuple[Any, ...]]:
    """What a reader of MIME finds in the encoded form."""
    kind, body = form.encode()
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_fields_alone_are_urlencoded() -> None:
    request = build(data={"a": "ü b&", "n": [1, 2.5], "yes": True, "no": False, "none": None, "raw": b"x"})
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode(), keep_blank_values=True) == [
        ("a", "ü b&"), ("n", "1"), ("n", "2.5"), ("yes", "true"), ("no", "false"), ("none", ""), ("raw", "x"),
    ]  # fmt: skip
    assert build(data={}, headers={"content-type": "text/x"}).headers["Content-Type"] == "text/x"
    assert build(data={}).body == b""


def test_files_have_the_shapes_of_httpx(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_bytes(b"on disk")
    with path.open("rb") as file:
        found = entries(
            {
                "plain": b"bytes",
                "text": "tëxt",
                "pair": ("a.bin", bytearray(b"buffer")),
                "triple": ("b.csv", memoryview(b"1,2"), "text/csv"),
                "file": file,
                "renamed": ("c.txt", io.StringIO("from memory")),
                "none": (None, b"x"),
                "many": [b"1", ("2.bin", b"2")],
            },
            {"caption": "hello"},
        )
    assert found == [
        ("caption", "hello", None, None),
        ("plain", b"bytes", "upload", None),
        ("text", "tëxt".encode(), "upload", None),
        ("pair", b"buffer", "a.bin", None),
        ("triple", b"1,2", "b.csv", "text/csv"),
        ("file", b"on disk", "report.txt", None),
        ("renamed", b"from memory", "c.txt", None),
        ("none", b"x", "upload", None),
        ("many", b"1", "upload", None),
        ("many", b"2", "2.bin", None),
    ]
    assert entries([("a", b"1"), ("a", b"2")]) == [("a", b"1", "upload", None), ("a", b"2", "upload", None)]


def test_a_form_is_encoded_as_a_reader_of_mime_expects_it() -> None:
    body = build(files={"f": ("ünï.bin", b"\0\r\n--x\r\n", "image/png"), "g": b""}, data={"a": "1"}).body
    assert received(body) == [
        ("a", None, "text/plain", b"1"),
        ("f", "ünï.bin", "image/png", b"\0\r\n--x\r\n"),
        ("g", "upload", "application/octet-stream", b""),
    ]


def test_names_can_not_break_out_of_their_header() -> None:
    kind, body = build(files={'a"\r\nX: 1': ('b"\r\n\r\n.bin', b"x")}).body.encode("limit")
    assert kind == "multipart/form-data; boundary=limit"
    assert body == (
        b'--limit\r\nContent-Disposition: form-data; name="a%22%0D%0AX: 1"; filename="b%22%0D%0A%0D%0A.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nx\r\n--limit--\r\n"
    )


@given(st.lists(st.tuples(st.text("ab", min_size=1), st.binary())))
def test_content_comes_through_whatever_it_is(files: list[tuple[str, bytes]]) -> None:
    form = Form(tuple(FormEntry(name, content, "f") for name, content in files))
    assert [(name, content) for name, _, _, content in received(form)] == files


def test_what_is_sent_is_what_the_buffer_held_at_the_call() -> None:
    """Q26: a buffer may be used again at once."""
    buffer = bytearray(b"first")
    request = build(files={"f": buffer})
    buffer[:] = b"later"
    assert request.body.entries[0].value == b"first"
    assert request.replayable


class JsBlob:
    js_id = 7
    name = "from an input.png"


def test_an_object_of_javascript_is_the_pages_to_send() -> None:
    blob = JsBlob()
    assert entries({"f": blob, "g": ("other.png", blob, "image/png")}) == [
        ("f", blob, "from an input.png", None),
        ("g", blob, "other.png", "image/png"),
    ]
    with pytest.raises(TypeError, match="only a page can send a JsBlob"):
        build(files={"f": blob}).body.encode()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"data": "a=1"}, TypeError, "give body="),
        ({"data": {1: "a"}}, TypeError, "name of a field"),
        ({"data": {"a": {}}}, TypeError, "text or a number"),
        ({"data": {"a": b"\xff"}}, ValueError, "decode"),
        ({"files": b"x"}, TypeError, "mapping, or pairs"),
        ({"files": 7}, TypeError, "mapping, or pairs"),
        ({"files": {"f": iter([b"x"])}}, TypeError, "not list_iterator"),
        ({"files": {"f": ("a",)}}, ValueError, "filename, content"),
        ({"files": {"f": (7, b"x")}}, TypeError, "filename of 'f'"),
        ({"files": {"f": ("a", b"x", "text/x\r\nX: 1")}}, ValueError, "content type of 'f'"),
        ({"files": {"f": ("a", b"x", 7)}}, ValueError, "content type of 'f'"),
        ({"files": {7: b"x"}}, TypeError, "name of a field"),
        ({"files": {}, "json": {}}, ValueError, "or json="),
        ({"data": {}, "body": b""}, ValueError, "or body="),
        ({"files": {}, "headers": {"Content-Type": "multipart/form-data"}}, ValueError, "leave out Content-Type"),
    ],
)
def test_what_can_not_be_sent_is_refused_before_anything_is_sent(options: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        build(**options)
    with pytest.raises(ValueError, match="GET can't carry a body"):
        Request.build(URL, data={})


async def test_a_form_is_sent_again_whole_after_a_401() -> None:
    """Q8: With a file that can be read once: it was read at the call."""
    server = FakeServer()
    api = server.connect("/api/", endpoint=Endpoint("/auth"))
    await api.sign_in(username="ada", password="lovelace")
    server.revoke()
    response = await api.fetch("/api/upload", method="POST", files={"f": io.BytesIO(b"once")}, data={"a": 1})
    assert response.status == 200
    bodies = [request.body for request in server.requests]
    assert [[entry.value for entry in body.entries] for body in bodies] == [["1", b"once"]] * 2
    assert repr(bodies[0]) == "Form(a, f)"
