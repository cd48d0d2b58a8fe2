"""Code of a document that its page can run: each block of Python that the document marks with `run`.

    ```python run

The page gets a button below the block. What the block above describes in HTML, if that is one, is put below it as
well, so that the code finds the page that it is for.
"""

import html
import re
from pathlib import Path
from string import Template

from markdown_it.token import Token

from runtime.documents import PAGE
from runtime.publish.addresses import write_hashed

SCRIPT = PAGE / "run.js"
PYTHON = PAGE / "run.py"
MARK = "runnable"
RUN = '<div class="run">'  # how what is below such a block begins
BUTTON = (PAGE / "run.html").read_text(encoding="utf-8")
ELEMENT = (PAGE / "python.html").read_text(encoding="utf-8")
CODE = re.compile(r'<pre[^>]*><code class="(?P<names>[^"]*)">(?P<code>.*?)</code></pre>', re.DOTALL)
BODY = re.compile(r"<body>(.*)</body>", re.DOTALL)
SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)


def mark(tokens: list[Token]) -> None:
    """Give the blocks that the document marks a class in the page."""
    for token in tokens:
        if token.type == "fence" and token.info.split() == ["python", "run"]:
            token.attrJoin("class", MARK)


def with_buttons(content: str) -> str:
    """The HTML of a document with a button below each block that its page can run."""
    elements = ""

    def followed(found: re.Match[str]) -> str:
        nonlocal elements
        names = found["names"].split()
        if MARK in names:
            below, elements = Template(BUTTON).substitute(elements=elements), ""
            return found[0] + "\n" + below
        if "language-html" in names:
            elements = elements_of(html.unescape(re.sub(r"<[^>]+>", "", found["code"])))
        return found[0]

    return CODE.sub(followed, content)


def elements_of(page: str) -> str:
    """What a page consists of, without its scripts; nothing if it has no body."""
    body = BODY.search(page)
    return SCRIPTS.sub("", body[1]).strip() if body else ""


def write_runner(folder: Path) -> str:
    """Write what runs the code into the folder of the pages; return what a page with such code has at its end."""
    runner = write_hashed(folder, "run.js", SCRIPT.read_text(encoding="utf-8"))
    python = write_hashed(folder, "run.py", PYTHON.read_text(encoding="utf-8"))
    return Template(ELEMENT).substitute(runner=runner, python=python)
