"""Runs the code of a document, block after block in one namespace, as one file would. `run.js` calls it."""

import io
import linecache
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from types import TracebackType
from typing import Any

import js
from pyodide.code import eval_code_async
from pyodide.ffi import create_proxy

names: dict[str, Any] = {"__name__": "__main__"}


class Output(io.TextIOBase):
    """What is printed is shown below the block."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self.show = show

    def write(self, text: str) -> int:
        """Show a piece of text; return its length."""
        self.show(text)
        return len(text)


async def run(code: str, name: str, show: Callable[[str], object]) -> bool:
    """Run a block. Shows what it prints, and the value of its last expression or its error; False after an error."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)  # for the traceback
    output = Output(show)
    with redirect_stdout(output), redirect_stderr(output):
        try:
            value = await eval_code_async(code, names, filename=name)
        except Exception as error:
            output.write("".join(traceback.format_exception(error.with_traceback(own(error.__traceback__, name)))))
            return False
        if value is not None:
            output.write(f"{value!r}\n")
    return True


def own(trace: TracebackType | None, name: str) -> TracebackType | None:
    """The part of a traceback from the block on; nothing of it if the block could not be compiled."""
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    return trace


js.runBlock = create_proxy(run)
