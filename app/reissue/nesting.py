"""How deeply JSON text is nested, before anybody parses it.

Pyodide's stack is the browser's. Where CPython raises RecursionError, a parser that goes some thousand levels down ends
the interpreter, and the page's Python with it.
"""

import re
from itertools import accumulate

# Text in quotes, ended or not, and everything else that is no bracket.
_FLAT = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^][{}"]+', re.DOTALL)


def is_nested_deeper(text: str, levels: int) -> bool:
    """Do the arrays and objects of this text lie in each other more than so many deep? Takes one look at each sign."""
    if text.count("[") + text.count("{") <= levels:
        return False
    return max(accumulate((1 if sign in "[{" else -1) for sign in _FLAT.sub("", text)), default=0) > levels
