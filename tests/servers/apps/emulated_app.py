"""The emulated servers, for a page: `python run.py emulated_app`. The row is chosen by `GET /emulated/use?name=…`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.emulated.server import emulation

app, _ = emulation()
