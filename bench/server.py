"""The server of the measurements as a process (server.mjs), and what it serves."""

import json
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.stock import stock_set_up
from runtime.build import RUNTIME, build
from runtime.nodejs import find_node
from runtime.npm_packages import installed

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "bench"
Mounts = Sequence[tuple[str, Path]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `url` ends with a slash."""

    url: str

    def ask(self, path: str, method: str = "POST", *, timeout: float = 30) -> Any:
        """The server's answer, without the browser: that may have no connection to spare after a storm."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        context = trusting if self.url.startswith("https") else None
        with urlopen(Request(self.url + path, method=method), timeout=timeout, context=context) as answer:
            return json.load(answer)


@contextmanager
def running_server(mounts: Mounts, *, protocol: str = "http", delay: int = 0) -> Iterator[Server]:
    """The server, while it runs: `protocol` "http", or over TLS "h1" or "h2"; an answer takes `delay` ms."""
    settings = {"protocol": protocol, "delay": delay, "mounts": [(path, str(folder)) for path, folder in mounts]}
    if protocol != "http":
        settings |= certificate()
    command = [find_node().node, str(HERE / "server.mjs")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        json.dump(settings, process.stdin)
        process.stdin.close()
        yield Server(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def certificate() -> dict[str, Any]:
    """A key and a certificate for this run: browsers speak HTTP/2 over TLS only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"key": private.decode(), "cert": cert.public_bytes(pem).decode()}


def bench_mounts() -> Mounts:
    """What the pages of `bench/pages` load; makes what is missing."""
    site = build(RUNTIME).site
    return [
        ("/py/", site / "py"),
        ("/pyscript/", site / "pyscript"),
        ("/pyscript.toml", ROOT / "pyscript.toml"),
        ("/npm/", installed(RUNTIME)),
        ("/stock/", stock_set_up(RUNTIME)),
        ("/", HERE / "pages"),
    ]


def capacity(server: Server, *, seconds: float = 3) -> dict[str, Any]:
    """How many requests a second the server answers to a client that costs little."""
    command = [find_node().node, str(HERE / "capacity.mjs"), server.url, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told
