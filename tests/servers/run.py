"""`python run.py fastapi_app`: serves that application on a free port of loopback, and prints the port."""

import importlib
import socket
import sys

import uvicorn

listening = socket.create_server(("127.0.0.1", 0))
app = importlib.import_module(sys.argv[1]).app
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listening])
