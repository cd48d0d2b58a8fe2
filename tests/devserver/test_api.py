"""`/api` over HTTP: what a bearer token opens, and how a bad one is refused."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import jwt
import pytest

from devserver.requests import UPLOAD_LIMIT
from tests.devserver.conftest import Client

RESOURCES = [
    ("GET", "/api/me"),
    ("GET", "/api/hello"),
    ("GET", "/api/notes"),
    ("POST", "/api/notes"),
    ("DELETE", "/api/notes/1"),
    ("POST", "/api/upload"),
    ("GET", "/api/files/a.txt"),
    ("PUT", "/api/files/a.txt"),
    ("GET", "/api/stream"),
    ("GET", "/api/events"),
    ("GET", "/api/file"),
    ("GET", "/api/echo"),
    ("POST", "/api/echo"),
]


@pytest.mark.parametrize(("method", "path"), RESOURCES)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YWRhOmxvdmVsYWNl", "token"])
def test_without_a_token_the_challenge_names_no_error(
    visitor: Client, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = visitor.http.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="reissue"'
    assert answer.json()["error"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), RESOURCES)
def test_a_bad_token_gets_the_challenge_of_rfc_6750(visitor: Client, method: str, path: str) -> None:
    answer = visitor.api(path, method, token="not.a.token")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    challenge = answer.headers["www-authenticate"]
    pattern = r'Bearer realm="reissue", error="invalid_token", error_description="[ !#-\[\]-~]+"'
    assert re.fullmatch(pattern, challenge)


def test_the_scheme_is_written_in_any_case(signed_in: Client) -> None:
    headers = {"Authorization": f"bEARER   {signed_in.token} "}
    assert signed_in.http.get("/api/me", headers=headers).status_code == 200


def test_a_token_is_taken_from_the_header_only(signed_in: Client) -> None:
    assert signed_in.http.get(f"/api/me?access_token={signed_in.token}").status_code == 401
    assert signed_in.http.get("/api/me").status_code == 401  # with the refresh cookie in the jar


@pytest.mark.parametrize("change", [{"aud": "x"}, {"iss": "x"}, {"exp": 1}, {"sid": "x"}], ids=str)
def test_a_token_with_a_wrong_claim_is_a_401(signed_in: Client, change: dict[str, Any]) -> None:
    key = signed_in.http.app.state.issuer.key.private  # type: ignore[attr-defined]
    claims = jwt.decode(signed_in.token, options={"verify_signature": False})
    assert signed_in.api("/api/me", token=jwt.encode(claims, key, "ES256")).status_code == 200
    assert signed_in.api("/api/me", token=jwt.encode(claims | change, key, "ES256")).status_code == 401


def test_a_token_that_is_not_ascii_is_a_401(visitor: Client) -> None:
    headers = {b"Authorization": b"Bearer \xff.\xfe.\xfd"}
    assert visitor.http.get("/api/me", headers=headers).status_code == 401


def test_an_expired_token_is_a_401_that_says_so(signed_in: Client) -> None:
    signed_in.post("/dev/skew", {"seconds": 62})
    answer = signed_in.api("/api/me")
    assert (answer.status_code, answer.json()["error_description"]) == (401, "the access token is expired")


# Resources


def test_me_says_who_the_token_speaks_for(signed_in: Client) -> None:
    me = signed_in.api("/api/me").json()
    claims = jwt.decode(signed_in.token, options={"verify_signature": False})
    assert me == {"sub": "ada", "name": "Ada Lovelace", "sid": claims["sid"], "exp": claims["exp"]}


def test_notes_are_added_read_and_deleted(signed_in: Client) -> None:
    assert signed_in.api("/api/notes").json() == []
    added = signed_in.api("/api/notes", "POST", json={"text": "안녕, world"})
    assert added.status_code == 201
    note = added.json()
    assert note == {"id": note["id"], "text": "안녕, world"}
    assert added.headers["location"] == f"/api/notes/{note['id']}"
    assert signed_in.api("/api/notes").json() == [note]
    assert signed_in.api(added.headers["location"], "DELETE").status_code == 204
    assert signed_in.api("/api/notes").json() == []
    assert signed_in.api(added.headers["location"], "DELETE").status_code == 404


def test_a_user_neither_sees_nor_deletes_anothers_notes(signed_in: Client) -> None:
    location = signed_in.api("/api/notes", "POST", json={"text": "Ada's"}).headers["location"]
    ada = signed_in.token
    signed_in.sign_in("grace", "hopper")
    assert signed_in.api("/api/notes").json() == []
    assert signed_in.api(location, "DELETE").status_code == 404
    assert len(signed_in.api("/api/notes", token=ada).json()) == 1


@pytest.mark.parametrize(
    "fields", [{}, {"text": ""}, {"text": 1}, {"text": None}, {"text": ["a"]}, {"text": "a" * 10_001}], ids=str
)
def test_a_note_without_a_proper_text_is_a_400(signed_in: Client, fields: dict[str, Any]) -> None:
    answer = signed_in.api("/api/notes", "POST", json=fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert signed_in.api("/api/notes").json() == []


def test_a_note_that_utf_8_cannot_spell_is_a_400_and_does_not_break_the_list(signed_in: Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = signed_in.api("/api/notes", "POST", content=rb'{"text": "\udc00"}', headers=headers)
    assert answer.status_code == 400
    assert signed_in.api("/api/notes").status_code == 200


@pytest.mark.parametrize("id", ["9" * 5_000, "9" * 18, "-1", "1.0", "one", "%D9%A1", "%C2%B2"])
def test_an_id_that_no_note_has_is_a_404(signed_in: Client, id: str) -> None:
    answer = signed_in.api(f"/api/notes/{id}", "DELETE")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_length_of_five_thousand_digits_is_a_413(signed_in: Client) -> None:
    answer = signed_in.api("/api/upload", "POST", content=b"x", headers={"Content-Length": "9" * 5_000})
    assert answer.status_code == 413


def test_me_may_be_kept_by_the_browser_if_the_page_asks_for_it(signed_in: Client) -> None:
    assert "cache-control" not in signed_in.api("/api/me").headers
    assert signed_in.api("/api/me?max_age=600").headers["cache-control"] == "private, max-age=600"
    assert signed_in.api("/api/me?max_age=1e9").status_code == 400


def test_an_upload_of_raw_bytes_is_measured(signed_in: Client) -> None:
    content = bytes(range(256)) * 5000
    answer = signed_in.api("/api/upload", "POST", content=content)
    assert answer.status_code == 200
    assert answer.json() == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "fields": {}}


def test_an_upload_of_a_form_is_taken_apart(signed_in: Client) -> None:
    content = b"\0\r\n--" * 1000
    answer = signed_in.api("/api/upload", "POST", files={"photo": ("a.bin", content)}, data={"caption": "hello"})
    assert answer.json() == {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "fields": {"caption": "hello", "photo": "a.bin"},
    }


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_form_that_is_none_is_a_400(signed_in: Client, kind: str) -> None:
    headers = {"Content-Type": kind}
    answer = signed_in.api("/api/upload", "POST", content=b"no form at all", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_an_upload_over_the_limit_is_a_413(signed_in: Client, kind: str, chunked: bool) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"a" * 65_000
    chunks = [part, *(b"a" * 65_536 for _ in range(UPLOAD_LIMIT // 65_536))]
    content: Any = iter(chunks) if chunked else b"".join(chunks)
    answer = signed_in.api("/api/upload", "POST", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_an_upload_of_exactly_the_limit_is_taken(signed_in: Client) -> None:
    answer = signed_in.api("/api/upload", "POST", content=b"a" * UPLOAD_LIMIT)
    assert answer.json()["size"] == UPLOAD_LIMIT


def test_a_file_is_kept_for_its_user_and_given_whole_or_in_part(signed_in: Client) -> None:
    assert signed_in.api("/api/files/a.txt", "PUT", content=b"0123456789").status_code == 204
    whole = signed_in.api("/api/files/a.txt")
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, b"0123456789", "bytes")
    for asked, part in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=8-99", b"89")):
        answer = signed_in.api("/api/files/a.txt", headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith("/10")
    assert signed_in.api("/api/files/a.txt", headers={"Range": "bytes=10-"}).status_code == 416
    assert signed_in.api("/api/files/b.txt").status_code == 404
    assert signed_in.api("/api/files/a.html", "PUT", content=b"<script>").status_code == 400
    assert signed_in.api("/api/files/a.txt?to=/elsewhere", follow_redirects=False).headers["location"] == "/elsewhere"


def test_a_stream_sends_its_lines_one_by_one(signed_in: Client) -> None:
    answer = signed_in.api("/api/stream?lines=3&interval=0")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_events_go_on_after_the_last_id_and_end_with_204(signed_in: Client) -> None:
    path = "/api/events?total=3&each=2&retry=7"
    first = signed_in.api(path)
    assert first.text == "retry: 7\n\nid: 1\nevent: tick\ndata: 1\n\nid: 2\nevent: tick\ndata: 2\n\n"
    assert "id: 3\n" in signed_in.api(path, headers={"Last-Event-ID": "2"}).text
    assert signed_in.api(path, headers={"Last-Event-ID": "3"}).status_code == 204
    assert signed_in.api(path, headers={"Last-Event-ID": "x"}).status_code == 400


def test_a_file_has_a_name_of_its_own(signed_in: Client) -> None:
    answer = signed_in.api("/api/file?size=300&name=%C3%9Cbersicht%20%22a%22.bin")
    assert answer.content == bytes(range(256)) + bytes(range(44))
    assert answer.headers["content-disposition"].endswith("; filename*=UTF-8''%C3%9Cbersicht%20%22a%22.bin")


@pytest.mark.parametrize(
    "query", ["lines=0", "lines=x", "lines=nan", "lines=1e9", "interval=-1", "interval=inf", "lines="]
)
def test_a_stream_with_a_wrong_query_is_a_400(signed_in: Client, query: str) -> None:
    assert signed_in.api(f"/api/stream?{query}").status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_echo_says_what_arrived_and_no_secret(signed_in: Client, method: str) -> None:
    headers = {"X-Tag": "a", "Accept": "application/json", "Content-Type": "text/plain"}
    body = b"" if method == "GET" else b"body"
    answer = signed_in.api("/api/echo?n=17", method, headers=headers, content=body)
    assert answer.json() == {
        "method": method,
        "n": "17",
        "sub": "ada",
        "headers": {"x-tag": "a", "accept": "application/json", "content-type": "text/plain"},
        "body": {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()},
    }
    assert signed_in.token not in answer.text


def test_a_post_to_the_api_needs_no_origin_because_the_token_is_the_evidence(signed_in: Client) -> None:
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert signed_in.api("/api/echo", "POST", headers=headers).status_code == 200


def test_no_answer_invites_another_origin(signed_in: Client) -> None:
    for path in ("/api/me", "/api/echo", "/dev/counters"):
        answer = signed_in.api(path, headers={"Origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_unknown_route_is_a_404_and_a_wrong_method_a_405_in_json(signed_in: Client) -> None:
    unknown = signed_in.api("/api/unknown")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    wrong = signed_in.api("/api/me", "DELETE")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")
    assert signed_in.api("/api/notes/").status_code == 404  # and no redirect
    assert signed_in.api("/api/notes/x", "DELETE").status_code == 404


def test_api_requests_and_their_401s_are_counted(signed_in: Client) -> None:
    signed_in.api("/api/me")
    signed_in.api("/api/me", token="bad")
    signed_in.http.get("/api/unknown")
    counters = signed_in.counters
    assert (counters["api_requests"], counters["api_401s"]) == (3, 1)
    assert (counters["api_in_flight"], counters["api_in_flight_max"]) == (0, 1)
