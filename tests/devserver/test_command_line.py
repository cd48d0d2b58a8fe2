"""`python serve.py` as a process: its options, its messages, and its end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from devserver.keys import ALGORITHMS
from tests.devserver.conftest import UPLOAD, sign_in
from tests.live_server import ROOT, LiveServer, running_server


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "serve.py"), *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_help_explains_every_option() -> None:
    result = run("--help")
    assert result.returncode == 0
    for option in ("--port", "--algorithm", "--access-lifetime", "--refresh-delay", "--grace", "--isolated"):
        assert option in result.stdout


def test_a_port_in_use_is_one_clear_sentence(server: LiveServer, site: Path) -> None:
    port = str(server.address[1])
    result = run("--site", str(site), "--port", port)
    assert result.returncode == 1
    assert result.stderr == (f"Error: Port {port} is in use: choose another with --port, or 0 for any free one.\n")


def test_an_impossible_address_is_one_clear_sentence(site: Path) -> None:
    result = run("--site", str(site), "--host", "203.0.113.1", "--port", "0")
    assert result.returncode == 1
    assert re.fullmatch(r"Error: Can't listen on 203\.0\.113\.1, port 0: .+\.\n", result.stderr)


def test_a_missing_runtime_is_one_clear_sentence(tmp_path: Path) -> None:
    result = run("--site", str(tmp_path / "none"))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "make serve" in result.stderr
    assert "python runtime/build.py" in result.stderr


@pytest.mark.parametrize(
    "flags", [["--port", "65536"], ["--algorithm", "none"], ["--access-lifetime", "0"], ["--grace", "-1"]]
)
def test_a_wrong_option_is_a_usage_error(flags: list[str]) -> None:
    result = run(*flags)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_quietly(site: Path, stop: signal.Signals) -> None:
    command = [sys.executable, str(ROOT / "serve.py"), "--port", "0", "--site", str(site)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first, second = process.stdout.readline(), process.stdout.readline()
    process.send_signal(stop)
    out, err = process.communicate(timeout=10)
    assert re.fullmatch(r"Serving http://127\.0\.0\.1:[1-9]\d*/\n", first)
    assert "development only" in second
    assert (process.returncode, out, err) == (0, "", "")


def test_requests_that_wait_do_not_keep_it_from_ending(site: Path) -> None:
    with ThreadPoolExecutor() as pool, running_server("--site", str(site)) as server:
        token, _ = sign_in(server)
        headers = {"Authorization": f"Bearer {token}"}
        server.fault("/api/me", "hold")
        server.fault("/api/notes", "delay", seconds=600)
        held = pool.submit(server.request, "GET", "/api/me", headers=headers)
        delayed = pool.submit(server.request, "GET", "/api/notes", headers=headers)
        streaming = pool.submit(server.request, "GET", "/api/stream?lines=9&interval=60", headers=headers)
        server.wait_until_held()
        server.process.terminate()
        assert [call.result(timeout=9).status for call in (held, delayed, streaming)] == [200, 200, 200]
        assert server.process.wait(timeout=9) == 0


def test_a_request_that_never_ends_does_not_keep_it_from_ending(site: Path) -> None:
    with running_server("--site", str(site)) as server:
        token, _ = sign_in(server)
        head = UPLOAD + f"Authorization: Bearer {token}\r\n\r\n1".encode()
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(head)
            while server.counters()["api_in_flight"] == 0:
                pass  # until it is being read
            server.process.terminate()
            assert server.process.wait(timeout=9) == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_can_be_chosen(site: Path, algorithm: str) -> None:
    with running_server("--site", str(site), "--algorithm", algorithm, "--access-lifetime", "7") as server:
        token, cookie = sign_in(server)
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        headers = {"Authorization": f"Bearer {token}"}
        assert server.request("GET", "/api/me", headers=headers).json()["sub"] == "ada"
        renewed = server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
        assert renewed.json()["expires_in"] == 7
        keys = server.request("GET", "/.well-known/jwks.json").json()["keys"]
        assert [key["alg"] for key in keys] == ([] if algorithm == "HS256" else [algorithm])


def test_nothing_secret_is_logged(site: Path) -> None:
    flags = ["--port", "0", "--site", str(site), "--log-level", "info", "--access-log"]
    command = [sys.executable, str(ROOT / "serve.py"), *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    url = next(line.split()[1] for line in lines if line.startswith("Serving"))
    server = LiveServer(url, process)
    token, cookie = sign_in(server)
    server.request("GET", "/api/me", headers={"Authorization": f"Bearer {token}"})
    server.request("GET", "/api/me", headers={"Authorization": "Bearer a-bad-secret"})
    server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
    server.request("POST", "/auth/refresh", json_body={}, headers={"Cookie": cookie})
    process.terminate()
    log = process.communicate(timeout=10)[0]
    assert '"POST /auth/refresh HTTP/1.1" 401' in log  # so it did log
    for secret in (token, cookie.partition("=")[2], "lovelace", "a-bad-secret", "Bearer"):
        assert secret not in log
