"""Lets a test run Python of its own in a page: `await run_python(source)` in JavaScript gives JSON.

A source runs as the body of a coroutine; its last expression is the result. Names stay from one call to the next.
"""

import json

from js import document, window
from pyodide.code import eval_code_async
from pyodide.ffi import create_proxy

names: dict[str, object] = {"__name__": "__test__"}


async def run_python(source: str) -> str:
    return json.dumps(await eval_code_async(source, names))


window.run_python = create_proxy(run_python)
document.getElementById("status").textContent = "ready"
