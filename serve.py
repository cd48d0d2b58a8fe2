"""The command line of `devserver/`: serves the demo page with a mock auth server behind it.

`python serve.py --help` lists its options.
"""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from devserver.app import create_app
from devserver.connection import Protocol
from devserver.keys import ALGORITHMS
from devserver.lab import Lab
from devserver.settings import Settings

FC = TypeVar("FC", bound=Callable[..., Any])


class Server(uvicorn.Server):
    """Prints its URL once it listens, and stops even while requests wait."""

    def __init__(self, config: uvicorn.Config, *, url: str, lab: Lab) -> None:
        super().__init__(config)
        self.url = url
        self.lab = lab

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Prints two lines. People and programs wait for the first."""
        await super().startup(sockets)
        click.echo(f"Serving {self.url}")
        click.echo("For development only: its passwords are published and its controls open to anyone.")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Releases held and delayed requests first."""
        self.lab.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. If that is impossible, raises ClickException: a sentence, not a traceback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            hint = "choose another with --port, or 0 for any free one"
            raise click.ClickException(f"Port {port} is in use: {hint}.") from exc
        raise click.ClickException(f"Can't listen on {host}, port {port}: {exc.strerror}.") from exc


def option(name: str, default: Any, help: str, **kind: Any) -> Callable[[FC], FC]:
    """A click option that shows its default."""
    return click.option(name, default=default, help=help, show_default=True, **kind)


@click.command()
@option("--host", "127.0.0.1", "Address to listen on.")
@option("--port", 8000, "Port to listen on; 0 is any free one.", type=click.IntRange(0, 65535))
@option(
    "--algorithm",
    "ES256",
    "How access tokens are signed.",
    type=click.Choice(ALGORITHMS),
)
@option("--access-lifetime", 60, "Seconds.", type=click.IntRange(1))
@option("--refresh-lifetime", 86_400, "Seconds.", type=click.IntRange(1))
@option("--refresh-delay", 0.0, "Seconds that each refresh takes.", type=click.FloatRange(0, 600))
@option("--grace", 0.0, "Seconds for which a rotated refresh token is still accepted.", type=click.FloatRange(0))
@option("--skew", 0.0, "Seconds that the server's clock is ahead of the page's.")
@option("--isolated", False, "Send Cross-Origin-Embedder-Policy: pages are isolated.", is_flag=True)
@option("--allow-origin", (), "Let our pages call this origin as well.", multiple=True, metavar="URL")
@option("--allow-page", (), "Let pages of this origin call us, with their cookie.", multiple=True, metavar="URL")
@option("--allow-host", (), "Answer requests for this host name; '*' is any.", multiple=True, metavar="NAME")
@option("--patience", 60.0, "Seconds that a request may take to arrive.", type=click.FloatRange(0.1, 3600))
@option("--site", Settings().site, "Folder of the browser runtime.", type=click.Path(path_type=Path))
@option("--log-level", "warning", "What the HTTP server logs.", type=click.Choice(["error", "warning", "info"]))
@option("--access-log", False, "Log a line for each request: method, URL, status; no headers.", is_flag=True)
def main(host: str, port: int, patience: float, log_level: str, access_log: bool, **settings: Any) -> None:
    """Serves the demo page with a mock auth server behind it, for development and tests."""
    if not settings["site"].is_dir():
        hint = "run `make serve`, or `python runtime/build.py`"
        raise click.ClickException(f"The browser runtime is missing ({settings['site']}): {hint}.")
    # uvicorn raises the signal that stopped it again when all is closed: by then this is a normal end.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: sys.exit(0))
    sock = listen(host, port)
    app = create_app(Settings(**{**settings, "allow_host": (host, *settings["allow_host"])}))
    config = uvicorn.Config(
        app,
        http=cast(type[H11Protocol], partial(Protocol, headers=app.headers, patience=patience)),
        ws="none",
        lifespan="off",
        log_level="info" if access_log else log_level,
        access_log=access_log,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    url = f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}/"
    Server(config, url=url, lab=app.state.lab).run([sock])


if __name__ == "__main__":
    main()
