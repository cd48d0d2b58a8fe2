"""What blank.py is under PyScript, for pages and workers without it: gives `run_python`, which JavaScript calls."""

import json

from pyodide.code import eval_code_async

names: dict[str, object] = {"__name__": "__test__"}


async def run_python(source: str) -> str:
    return json.dumps(await eval_code_async(source, names))


run_python  # noqa: B018 - the value of this file
