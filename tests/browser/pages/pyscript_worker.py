"""What blank.py is on the main thread: `run_python`, exported to it."""

import json

from pyodide.code import eval_code_async

__export__ = ["run_python"]

names: dict[str, object] = {"__name__": "__test__"}


async def run_python(source: str) -> str:
    return json.dumps(await eval_code_async(source, names))
