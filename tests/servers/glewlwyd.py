"""Glewlwyd, an OpenID provider in C, from Debian's package: found on the machine, or unpacked into `.runtime`.

Nothing is installed: `apt-get` downloads the package with what it needs and the machine lacks, and `dpkg` unpacks it.
Where neither is there, the tests of it are deselected, and pytest says so (`absent`).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.sealed import sealed
from runtime.steps import run, say
from tests.live_server import ROOT

SCHEMA = "usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
USER = {"username": "ada", "password": "lovelace"}


@cache
def absent() -> str | None:
    """Why there is no Glewlwyd here, and can't be; None if there is, or if apt has it."""
    if (Path("/usr/bin/glewlwyd").is_file() and (Path("/") / SCHEMA).is_file()) or _candidate():
        return None
    return "no Glewlwyd here: it is not installed, and apt doesn't have it (it is in Debian; try `apt-get update`)"


def _candidate() -> str | None:
    """The version that apt would install, or None."""
    if not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg"))):
        return None
    policy = subprocess.run(["apt-cache", "policy", "glewlwyd"], capture_output=True, text=True, check=False).stdout
    found = [line.split(":", 1)[1].strip() for line in policy.splitlines() if line.strip().startswith("Candidate:")]
    return found[0] if found and found[0] != "(none)" else None


def brought() -> Path:
    """The folder that has `usr/bin/glewlwyd`: the machine's root, or one that it has been unpacked into."""
    if Path("/usr/bin/glewlwyd").is_file() and (Path("/") / SCHEMA).is_file():
        return Path("/")
    return sealed(ROOT / ".runtime", "glewlwyd", [str(_candidate())], _unpack)


def _unpack(folder: Path) -> None:
    say("downloading Debian's glewlwyd")
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True)
    run(
        "apt-get", "-qq", "install", "--download-only", "--no-install-recommends", "-y",
        "-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root",
        "glewlwyd", "dbconfig-no-thanks",  # the second stands for a database server
        failed="apt can't download glewlwyd: check the network, or run `apt-get update`.",
    )  # fmt: skip
    for package in archives.glob("*.deb"):
        run("dpkg", "-x", package, folder, failed=f"dpkg can't unpack {package.name}.")
    shutil.rmtree(archives)
    (folder / "usr/lib/glewlwyd/user_middleware").mkdir(exist_ok=True)


@dataclass(frozen=True)
class Admin:
    """Calls to Glewlwyd's own API, with the cookie of whoever signed in."""

    port: int

    def __call__(self, method: str, path: str, body: Any = None, *, cookie: str = "") -> str:
        """The cookie that the answer sets. Raises RuntimeError unless it is a success."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", "Cookie": cookie}
        connection.request(method, f"/api/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return (answer.getheader("Set-Cookie") or "").partition(";")[0]


@contextmanager
def running(folder: Path, *, page: str, life: int) -> Iterator[str]:
    """Glewlwyd with a user and a public client, for a page of this origin; its URL. `folder` is for its database."""
    root = brought()
    database = folder / "glewlwyd.db"
    with sqlite3.connect(database) as tables:
        tables.executescript((root / SCHEMA).read_text(encoding="utf-8"))
    tables.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([root / "usr/bin/glewlwyd", "--env-variables"], env=_settings(root, url, page, database))
    try:
        _wait_for(port, process)
        _set_up(Admin(port), url, page=page, life=life)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _settings(root: Path, url: str, page: str, database: Path) -> dict[str, str]:
    modules = root / "usr/lib/glewlwyd"
    libraries = ":".join(str(folder) for folder in (root / "usr/lib").glob("*-linux-gnu*"))
    return {
        **os.environ,
        "LD_LIBRARY_PATH": libraries,
        "GLWD_PORT": url.rpartition(":")[2],
        "GLWD_BIND_ADDRESS": "127.0.0.1",
        "GLWD_EXTERNAL_URL": url,
        "GLWD_API_PREFIX": "api",
        "GLWD_LOGIN_URL": "login.html",
        "GLWD_ALLOW_ORIGIN": page,
        "GLWD_ALLOW_METHODS": "GET, POST",
        "GLWD_ALLOW_HEADERS": "Authorization, DPoP, Content-Type",
        "GLWD_EXPOSE_HEADERS": "DPoP-Nonce, WWW-Authenticate",
        "GLWD_COOKIE_SECURE": "0",
        "GLWD_LOG_MODE": "console",
        "GLWD_LOG_LEVEL": "ERROR",
        "GLWD_DATABASE_TYPE": "sqlite3",
        "GLWD_DATABASE_SQLITE3_PATH": str(database),
        "GLWD_ADMIN_SCOPE": "g_admin",
        "GLWD_PROFILE_SCOPE": "g_profile",
        "GLWD_HASH_ALGORITHM": "SHA512",
        "GLWD_SESSION_KEY": "GLEWLWYD2_SESSION_ID",
        **{
            f"GLWD_{name.upper()}_MODULE_PATH": str(modules / folder)
            for name, folder in {
                "user": "user",
                "user_middleware": "user_middleware",
                "client": "client",
                "auth_scheme": "scheme",
                "plugin": "plugin",
            }.items()
        },
    }


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """It prints nothing when it serves: connect until that works."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=30).close()
        except OSError:
            continue
        return
    raise RuntimeError(f"glewlwyd ended with {process.returncode} instead of serving (see its message above)")


def _set_up(admin: Admin, url: str, *, page: str, life: int) -> None:
    """An OpenID provider at `{url}/api/oidc`, a public client, a user, and the user's consent to that client."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    parameters = {
        "iss": f"{url}/api/oidc",
        "jwt-type": "ecdsa",
        "jwt-key-size": "256",
        "key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
        "cert": key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "access-token-duration": life,
        "refresh-token-duration": 3600,
        "code-duration": 600,
        "refresh-token-rolling": True,
        "refresh-token-one-use": "always",
        "allow-non-oidc": True,
        "auth-type-code-enabled": True,
        "auth-type-token-enabled": False,
        "auth-type-id-token-enabled": False,
        "auth-type-device-enabled": False,
        "auth-type-client-enabled": False,
        "auth-type-refresh-enabled": True,
        "auth-type-password-enabled": False,
        "pkce-allowed": True,
        "pkce-required": True,
        "oauth-dpop-allowed": True,
        "oauth-dpop-iat-duration": 60,
        "oauth-dpop-iat-gap-duration": 5,
        "introspection-revocation-allowed": True,
        "introspection-revocation-allow-target-client": True,
    }
    cookie = admin("POST", "auth", {"username": "admin", "password": "password"})
    plugin = {"module": "oidc", "name": "oidc", "display_name": "OIDC", "parameters": parameters}
    admin("POST", "mod/plugin/", plugin, cookie=cookie)
    client = {
        "client_id": "page",
        "name": "Page",
        "confidential": False,
        "enabled": True,
        "scope": ["openid"],
        "redirect_uri": [f"{page}/blank.html"],
        "authorization_type": ["code", "refresh_token"],
    }
    admin("POST", "client", client, cookie=cookie)
    user = {**USER, "name": "Ada", "email": "ada@example.com", "enabled": True, "scope": ["g_profile", "openid"]}
    admin("POST", "user", user, cookie=cookie)
    signed_in = admin("POST", "auth", USER)
    admin("PUT", "auth/grant/page", {"scope": "openid"}, cookie=signed_in)
