"""The documents hold together: every block of code is run by a test, every link leads somewhere, the mirrors agree."""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reissue.oauth2 import refusals

from devserver.headers import security_headers
from devserver.settings import Settings
from runtime.publish.demo import policy
from tests.documents import (
    AS_A_GUIDE,
    AS_COMMANDS,
    AS_THE_POLICY,
    BY_PYTEST,
    DOCUMENTS,
    IN_CPYTHON,
    KOREAN,
    ROOT,
    RULES,
    Block,
    anchors,
    blocks,
    headings,
    links,
    read,
    run_by,
    runner,
    text_of,
    without_blocks,
)
from tests.reissue.virtual_time import VirtualTimeLoop
from tests.test_architecture import IN_THE_PAGE, LAYERS, part_of

EVERY_BLOCK = blocks(DOCUMENTS)


# Who runs what


def test_every_block_of_code_is_run_by_a_test() -> None:
    strays = [str(block) for block in EVERY_BLOCK if runner(block) is None]
    assert strays == [], "say in tests/documents.py which test runs it"


def test_every_rule_names_a_block_and_a_test_that_there_is() -> None:
    assert [rule for rule in RULES if not any(map(rule.names, EVERY_BLOCK))] == []
    for test in {found for found in map(runner, EVERY_BLOCK) if found}:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), test


def test_a_block_is_found_with_its_place() -> None:
    text = "# One\n\n```python\na = 1\n\nb = 2\n```\n\n## Two\n\n````text\n```sh\n````\n"
    first, second = read("a.md", text)
    assert (first.line, first.heading, first.language, first.code) == (4, "One", "python", "a = 1\n\nb = 2\n")
    assert (second.line, second.heading, second.language, second.code) == (12, "Two", "text", "```sh\n")
    with pytest.raises(ValueError, match="ends within"):
        read("a.md", "```python\na = 1\n")


# Python that needs no browser


@pytest.mark.parametrize("document", dict.fromkeys(block.document for block in run_by(IN_CPYTHON)))
def test_the_python_of_a_document_runs_from_top_to_bottom(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_through([block for block in run_by(IN_CPYTHON) if block.document == document])


@pytest.mark.parametrize(
    "document", [name for name in KOREAN if KOREAN[name] in {b.document for b in run_by(IN_CPYTHON)}]
)
def test_the_python_of_a_mirror_runs_too(document: str) -> None:
    run_through([block for block in blocks([document]) if block.language == "python" and not needs_a_page(block)])


def needs_a_page(block: Block) -> bool:
    """Does the block that this one mirrors run in a page?"""
    return same_block(block) not in run_by(IN_CPYTHON)


def same_block(block: Block) -> Block:
    """The block at the same place of what this one's document mirrors."""
    place = blocks([block.document]).index(block)
    return blocks([KOREAN[block.document]])[place]


PROOFS = {
    ("docs/recipes.md", "Refresh in the background"): """
from reissue import Endpoint
from reissue.testing import FakeServer

server = FakeServer(clock=asyncio.get_running_loop().time)
api = server.connect(endpoint=Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
task = asyncio.create_task(keep_fresh(api))
await asyncio.sleep(900)
assert server.refreshes == 3, server.refreshes
server.trouble = OSError("no network")
await asyncio.sleep(300)
assert api.expires_in == 0
server.trouble = None
await asyncio.sleep(20)
assert api.expires_in > 250
await api.sign_out()
await task
""",
    ("docs/endpoints.md", "What ends a session"): """
def judged(status, text):
    try:
        endpoint._requests.read(status, {}, text)
    except reissue.ReissueError as error:
        return type(error).__name__

assert judged(403, '{"reason": "revoked"}') == "GrantRefused"
assert judged(403, '{"reason": "busy"}') == "RefreshUnavailable"
assert judged(400, '{"error": "invalid_grant"}') == "GrantRefused"
""",
}
"""What must hold after the blocks below a heading have run, in their own names."""


def run_through(chapter: list[Block]) -> None:
    """Run blocks one after the other in one namespace, as one reads them; no time passes while they wait.

    What a `# → ` says behind a line must be what is printed there. What is named as a test is run as one.
    """
    assert chapter
    names: dict[str, Any] = {"__name__": "__main__"}
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as loop:
        for block in chapter:
            before = set(names)
            code = compile(block.in_place, block.document, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                if "asyncio.run(" in block.code:
                    exec(code, names)
                else:
                    loop.run(body(code, names))
                for name in sorted(set(names) - before):
                    if name.startswith("test_"):
                        loop.run(names[name]())
            if proof := PROOFS.get((block.document, block.heading)):
                loop.run(body(compile(proof, f"proof of {block}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names))
            assert printed.getvalue().splitlines() == re.findall(r"# → (.*)$", block.code, re.MULTILINE), block


def test_the_article_can_be_pasted_into_the_prompt_that_it_names() -> None:
    """There each statement is a step of its own, and what runs beside goes on between two of them."""
    article = [block for block in run_by(IN_CPYTHON) if block.document == "docs/how-a-token-is-reissued.md"]
    done = subprocess.run(
        [sys.executable, "-m", "asyncio"],
        input="\n".join(block.code for block in article), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": "app", "PYTHON_COLORS": "0"}, cwd=ROOT, timeout=60,
    )  # fmt: skip
    said = [
        line for line in (re.sub(r"^((>>>|\.\.\.) )+", "", line) for line in done.stdout.splitlines()) if line.strip()
    ]
    assert said == [line for block in article for line in re.findall(r"# → (.*)$", block.code, re.MULTILINE)], (
        done.stderr
    )


async def body(code: Any, names: dict[str, Any]) -> None:
    """Run code that may await."""
    waits = eval(code, names)
    if inspect.isawaitable(waits):
        await waits


def test_the_recipe_for_tests_is_run_by_pytest(tmp_path: Path) -> None:
    for block in run_by(BY_PYTEST):
        named = re.match(r"# (\w+\.py)\n", block.code)
        (tmp_path / (named[1] if named else "pyproject.toml")).write_text(block.code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "app")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "5 passed" in done.stdout, done.stdout


def test_what_a_document_says_is_printed_is_held() -> None:
    block = Block("a.md", 1, "", "python", "print(2)   # → 3\n")
    with pytest.raises(AssertionError, match=r"a\.md"):
        run_through([block])


# Commands


def test_the_rule_of_refusals_is_the_codes_own() -> None:
    """F13: tests/reissue/oauth2/test_refusals.py holds each line of it."""
    rule = [line for line in (refusals.__doc__ or "").splitlines() if line.startswith("|")]
    assert len(rule) == 11
    assert "\n".join(rule) in text_of("docs/endpoints.md")


def test_every_command_is_there_to_be_run() -> None:
    """They set things up, serve for ever, or run this suite: so they aren't run here, only looked up."""
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    looked_up = 0
    for block in run_by(AS_COMMANDS):
        for line in block.code.splitlines():
            words = line.partition("#")[0].split()
            while words and re.fullmatch(r"[A-Z]+=\S+", words[0]):
                del words[0]
            match words:
                case []:
                    continue
                case ["make", *named]:
                    assert {name for name in named if "=" not in name} <= targets, line
                case ["python3", "-m", "venv", ".venv"]:
                    pass
                case [".venv/bin/python", "-m", "pip", "install", "--require-hashes", "-r", file]:
                    assert (ROOT / file).is_file(), line
                case [".venv/bin/python", "-m", "pytest" | "asyncio"]:
                    pass
                case [".venv/bin/python", script, *options]:
                    source = text_of(script)
                    assert all(f'"{option}"' in source for option in options if option.startswith("--")), line
                case _:
                    pytest.fail(f"{block}: nobody knows whether this can be run: {line}")
            looked_up += 1
    assert looked_up > 7


def test_the_policy_is_the_one_that_the_guides_page_runs_under() -> None:
    (said,) = run_by(AS_THE_POLICY)
    (server,) = (block for block in run_by(AS_A_GUIDE) if "POLICY = " in block.code)
    names: dict[str, str] = {}
    (policy,) = (node for node in ast.parse(server.code).body if ast.unparse(node).startswith("POLICY = "))
    exec(ast.unparse(policy), names)
    assert said.code.split() == names["POLICY"].split()


def published_policies() -> Iterator[tuple[str, str]]:
    """Every policy that we send, or tell others to send, and where it stands."""
    yield "devserver/headers.py", security_headers(Settings())["Content-Security-Policy"]
    yield "runtime/publish/demo.py", policy(api="https://api.example/")
    page = ROOT / "runtime" / "publish" / "embed" / "index.html"
    shown = [(str(block), block.code) for block in blocks(DOCUMENTS)]
    for place, text in [*shown, (page.name, page.read_text("utf-8"))]:
        whole = re.sub(r'"\n\s*"', "", text)  # Python's literals that stand in a row are one
        for found in re.findall(r"(?:default|script)-src '(?:[^\"\n]|(?<=;)\n)*", whole):
            yield place, found


def test_every_published_policy_forbids_a_base_and_text_that_becomes_markup() -> None:
    """X12, X13: `base-uri 'none'`, and Trusted Types."""
    policies = list(published_policies())
    assert {place.partition(":")[0] for place, _ in policies} >= {
        *("devserver/headers.py", "runtime/publish/demo.py", "index.html"),
        *("docs/security.md", "docs/guide.md", "docs/embedding.md"),
    }
    for place, text in policies:
        directives = {name: values for name, *values in map(str.split, text.strip(" ;").split(";"))}
        assert directives["base-uri"] == ["'none'"], place
        assert directives["require-trusted-types-for"] == ["'script'"], place
        assert directives["trusted-types"] in (["'none'"], ["default"]), place
        assert directives["script-src"] == ["'self'", "'wasm-unsafe-eval'"], place


def test_no_page_of_ours_needs_a_base() -> None:
    pages = (ROOT / "index.html", ROOT / "runtime" / "publish" / "embed" / "index.html")
    assert not any("<base" in page.read_text("utf-8") for page in pages)


# The architecture


def test_the_layers_are_drawn_as_they_are_tested() -> None:
    (drawing,) = re.findall(
        r"^### Layers$.*?^```\n(.*?)^```$", text_of("docs/how-it-works.md"), re.DOTALL | re.MULTILINE
    )
    layers = [line.split("  ")[0].strip().split(" · ") for line in drawing.splitlines()]
    assert [sorted(layer) for layer in reversed(layers)] == [sorted(layer) for layer in LAYERS]


def test_every_folder_and_every_module_of_the_core_has_its_line() -> None:
    library, shown = ROOT / "app" / "reissue", links(text_of("docs/how-it-works.md"))
    modules = {
        path for path in library.rglob("*.py") if path.name != "__init__.py" and part_of(path) not in IN_THE_PAGE
    }
    folders = {path for path in library.iterdir() if path.is_dir() and path.name != "__pycache__"}
    paths = [(ROOT / "docs" / link).resolve() for link in shown if link.startswith("../app/reissue/")]
    assert sorted(paths) == sorted(modules | folders)


# Links


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    broken = []
    for link in links(text_of(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target.read_text("utf-8"))
        ):
            broken.append(link)
    assert broken == []


def test_a_link_without_its_heading_is_noticed() -> None:
    text = "# `install()` — one\n## One\n## One\n[a](#one) ![b](b.png) `[c](c)`\n```\n[d](d)\n```\n"
    assert anchors(text) == {"install--one", "one", "one-1"}
    assert links(text) == ["#one", "b.png"]


def test_the_index_lists_every_document() -> None:
    listed = {link.partition("#")[0] for link in links(text_of("docs/README.md"))}
    assert [
        name for name in DOCUMENTS if name.startswith("docs/") and Path(name).name not in listed | {"README.md"}
    ] == []
    assert "docs/README.md" in links(text_of("README.md"))


def test_every_picture_is_shown_somewhere() -> None:
    shown = {((ROOT / document).parent / link).resolve() for document in DOCUMENTS for link in links(text_of(document))}
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".svg", ".png", ".webp")]
    assert pictures
    assert [path.name for path in pictures if path not in shown] == []


# Two languages


@pytest.mark.parametrize("document", KOREAN)
def test_a_mirror_has_the_same_headings_and_the_same_code(document: str) -> None:
    mirror, original = text_of(document), text_of(KOREAN[document])
    assert [h.count("#") for h in map(signs, headings(mirror))] == [
        h.count("#") for h in map(signs, headings(original))
    ]
    pairs = list(zip(read(document, mirror), read(KOREAN[document], original), strict=True))
    assert pairs
    for mine, theirs in pairs:
        assert mine.language == theirs.language, mine
        if mine.language:
            assert without_comments(mine) == without_comments(theirs), mine
    assert counted(mirror) == counted(original)
    assert spans(mirror) == spans(original)


def signs(heading: str) -> str:
    """The signs that a heading begins with."""
    return heading.split(" ")[0]


def without_comments(block: Block) -> list[str]:
    """The lines of a block; but what is said beside them may be said in another language."""
    lines = (re.sub(r"(^|\s+)# (?!→).*$", "", line) for line in block.code.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip()]


def counted(text: str) -> dict[str, int]:
    """How many rows of tables, list items and links a text has."""
    signs = {"rows": r"^\|", "items": r"^(?:-|\d+\.) "}
    return {"links": len(links(text)), **{name: len(re.findall(p, text, re.MULTILINE)) for name, p in signs.items()}}


def spans(text: str) -> list[str]:
    """What stands between backticks in a text's lines."""
    return sorted(re.findall(r"`([^`\n]+)`", without_blocks(text)))


@pytest.mark.parametrize(
    ("document", "language"), [("docs/how-a-token-is-reissued.ko.md", "ko"), ("docs/how-a-token-is-reissued.md", "en")]
)
def test_the_buttons_are_called_as_in_the_demo(document: str, language: str) -> None:
    words = json.loads(text_of(f"app/strings/{language}.json"))
    named = re.findall(r"`make serve`[^*]*\*([^*]+)\*[^*]*\*([^*]+)\*", text_of(document))
    assert named == [(words["revoke.do"], words["fire.do"])]


def test_a_korean_text_is_korean() -> None:
    for document in KOREAN:
        hangul = len(re.findall(r"[가-힣]", text_of(document)))
        assert hangul > 1000, document
