"""What needs a real connection: faults that close it, hostile bytes, and slow requests."""

from __future__ import annotations

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from tests.devserver.conftest import UPLOAD, sign_in
from tests.live_server import ROOT, LiveServer, running_server


def raw(server: LiveServer, data: bytes) -> bytes:
    """What the server answers to these bytes, until it closes."""
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


# Faults that need a connection


@pytest.mark.parametrize(("kind", "granted"), [("drop", 0), ("lost", 1)])
def test_a_connection_closes_without_an_answer(server: LiveServer, kind: str, granted: int) -> None:
    _, cookie = sign_in(server)
    server.fault("/auth/refresh", kind)
    with pytest.raises(http.client.BadStatusLine) as caught:
        server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
    # After a connection that closed without a single byte, browsers send the request again by themselves.
    assert not isinstance(caught.value, http.client.RemoteDisconnected)
    counters = server.counters()
    assert (counters["refreshes_asked"], counters["refreshes_granted"]) == (1, granted)
    again = server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
    assert again.status == (401 if granted else 200)  # lost: the token was rotated


@pytest.mark.parametrize(("after", "granted"), [(False, 0), (True, 1)])
def test_a_held_request_can_be_abandoned(server: LiveServer, after: bool, granted: int) -> None:
    """With nothing done, or with its answer lost."""
    _, cookie = sign_in(server)
    server.fault("/auth/refresh", "hold", after=after)
    with ThreadPoolExecutor(1) as pool:
        post = partial(server.request, "POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
        call = pool.submit(post)
        server.wait_until_held()
        assert server.release(abandon=True) == 1
        assert isinstance(call.exception(), http.client.BadStatusLine)
    assert server.counters()["refreshes_granted"] == granted
    assert server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie}).status == (
        401 if after else 200
    )


def test_half_an_answer_arrives_and_the_connection_closes(server: LiveServer) -> None:
    _, cookie = sign_in(server)
    server.fault("/auth/refresh", "truncate")
    with pytest.raises(http.client.IncompleteRead) as caught:
        server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
    assert caught.value.partial.startswith(b'{"access_token":"ey')
    assert server.counters()["refreshes_granted"] == 1


def test_an_answer_that_does_not_end_stands_until_the_caller_or_the_server_goes(
    site: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        with running_server("--site", str(site)) as server:
            server.fault("/api/echo", "endless", status=401, times=2)
            for leaves in (True, False):
                connection = stack.enter_context(closing(http.client.HTTPConnection(*server.address, timeout=10)))
                connection.request("GET", "/api/echo")
                answer = stack.enter_context(connection.getresponse())
                assert (answer.status, len(answer.read(4 * 1024 * 1024))) == (401, 4 * 1024 * 1024)
                if leaves:
                    answer.close()
                    connection.close()
        assert capfd.readouterr().err == ""


def test_a_caller_who_leaves_while_held_harms_nobody(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with running_server("--site", str(site)) as server:
        _, cookie = sign_in(server)
        server.fault("/auth/refresh", "hold")
        request = (
            f"POST /auth/refresh HTTP/1.1\r\nHost: {server.origin[7:]}\r\nOrigin: {server.origin}\r\n"
            f"Cookie: {cookie}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        )
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(request.encode())
            server.wait_until_held()
        server.release()
        assert server.request("GET", "/dev/held?count=0").status == 200
        sign_in(server)
    assert capfd.readouterr().err == ""


# Hostile bytes

GARBAGE = {
    "not HTTP": b"\0\1\2\3\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303"),
    "no version": b"GET /\r\n\r\n",
    "a wrong version": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a space in a name": b"GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
    "two lengths": b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "a bad chunk": b"POST /api/upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "headers without end": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_bytes_that_are_not_http_are_refused_and_the_server_lives_on(server: LiveServer, data: bytes) -> None:
    try:
        answer = raw(server, data)
    except OSError:  # closed while we were still sending: refused as well
        answer = b""
    assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 421")
    assert not answer or answer.lower().count(b"content-security-policy") == 1, "every answer carries it"
    sign_in(server)


def test_bad_bytes_behind_a_request_do_not_break_its_answer(server: LiveServer) -> None:
    good = b"GET /dev/counters HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert raw(server, good + b"\0\1\r\n\r\n").startswith(b"HTTP/1.1 200")
    sign_in(server)


SLOW = {
    "not a byte": b"",
    "half a line": b"GET /dev/cou",
    "a head without its end": UPLOAD,
    "half a body": UPLOAD + b"\r\n1234",
    "half of a second request": b"GET /dev/counters HTTP/1.1\r\nHost: localhost\r\n\r\n" + UPLOAD,
}


@pytest.mark.parametrize("data", SLOW.values(), ids=SLOW)
def test_a_request_that_does_not_arrive_in_time_is_hung_up_on(site: Path, data: bytes) -> None:
    with running_server("--site", str(site), "--patience", "0.3") as server:
        with socket.create_connection(server.address, timeout=20) as connection:
            connection.sendall(data)
            while connection.recv(65_536):
                pass  # until the server hangs up
        sign_in(server)


def test_a_request_that_the_server_itself_keeps_waiting_is_not(site: Path) -> None:
    """Nor is one whose large body waits unread meanwhile."""
    with ThreadPoolExecutor() as pool, running_server("--site", str(site), "--patience", "2") as server:
        token, _ = sign_in(server)
        headers = {"Authorization": f"Bearer {token}"}
        server.fault("/api/", "hold", times=2)
        upload = pool.submit(server.request, "PUT", "/api/upload", body=b"a" * 400_000, headers=headers)
        read = pool.submit(server.request, "GET", "/api/me", headers=headers)
        server.wait_until_held(2)
        with socket.create_connection(server.address, timeout=20) as connection:
            while connection.recv(1):
                pass  # the server has lost its patience with this one, which began after them
        server.release()
        assert [call.result().status for call in (upload, read)] == [200, 200]


@pytest.mark.parametrize(
    "path", ["/serve.py", "/app/../serve.py", "/app/%2e%2e/serve.py", "/app/..%2fserve.py", "/app//../serve.py"]
)
def test_a_path_that_leaves_the_served_folders_is_a_404(server: LiveServer, path: str) -> None:
    assert (ROOT / "serve.py").exists()
    assert server.request("GET", path).status == 404


def test_a_request_cut_off_in_the_middle_is_forgotten(server: LiveServer) -> None:
    head = f"POST /auth/login HTTP/1.1\r\nHost: {server.origin[7:]}\r\nOrigin: {server.origin}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall((head + body).encode())
    sign_in(server)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/api/notes", "/api/upload", "/dev/faults"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_ten_megabytes_is_a_413(server: LiveServer, path: str, chunked: bool) -> None:
    token, _ = sign_in(server)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    blocks = (b"a" * 65_536 for _ in range(160))
    answer = server.request("POST", path, body=blocks if chunked else b"".join(blocks), headers=headers)
    assert (answer.status, answer.json()["error"]) == (413, "too_large")
    sign_in(server)


def test_a_body_that_declares_itself_too_large_is_refused_before_it_arrives(server: LiveServer) -> None:
    head = f"POST /auth/login HTTP/1.1\r\nHost: {server.origin[7:]}\r\nOrigin: {server.origin}\r\n"
    rest = "Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall((head + rest).encode())
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_the_cookie_path_keeps_the_refresh_token_from_other_calls(server: LiveServer) -> None:
    answer = server.request("POST", "/auth/login", json_body={"username": "ada", "password": "lovelace"})
    assert "Path=/auth" in answer.headers["Set-Cookie"].split("; ")
    assert "HttpOnly" in answer.headers["Set-Cookie"].split("; ")


def test_an_answer_does_not_name_the_software(server: LiveServer) -> None:
    assert "server" not in server.request("GET", "/dev/counters").headers


def test_two_hundred_requests_at_once_are_answered(server: LiveServer) -> None:
    token, _ = sign_in(server)
    headers = {"Authorization": f"Bearer {token}"}
    with ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(server.request, "GET", f"/api/echo?n={n}", headers=headers) for n in range(200)]
        assert sorted(int(call.result().json()["n"]) for call in calls) == list(range(200))
    assert server.counters()["api_requests"] == 200


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head(server: LiveServer) -> None:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    waits = []
    for _ in range(100):
        start = time.monotonic()
        connection.request("GET", "/dev/counters")
        connection.getresponse().read()
        waits.append(time.monotonic() - start)
    connection.close()
    assert sorted(waits)[40] < 0.035, "with Nagle's algorithm nearly each takes 40 ms, on the idlest machine"
