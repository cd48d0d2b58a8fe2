"""`python run.py fastapi_app`: serves that application on a free port of loopback, and prints the port.

`POST /clock?seconds=60` turns the server's clock forward, and so ends a token without a wait.
"""

import datetime
import importlib
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import time_machine
import uvicorn

sys.path.insert(0, str(Path(__file__).with_name("apps")))
clock = time_machine.travel(datetime.datetime.now(datetime.UTC), tick=True).start()
app = importlib.import_module(sys.argv[1]).app


async def with_a_clock(scope: Any, receive: Any, send: Any) -> None:
    if scope.get("path") != "/clock":
        await app(scope, receive, send)
        return
    (seconds,) = parse_qs(scope["query_string"].decode())["seconds"]
    clock.shift(datetime.timedelta(seconds=float(seconds)))
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(with_a_clock, log_level="warning")).run(sockets=[listening])
