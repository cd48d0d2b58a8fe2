"""The documents, the code in them, and which test runs each block of it.

A block that no rule of `RULES` names fails `tests/test_documents.py`, and so does a rule without a block. A test gets
the blocks that it runs from `run_by` (or, for docs/embedding.md, from tests/site/guide.py), so that what is said here
is what happens.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for folder in (ROOT, ROOT / "docs", ROOT / "bench")
        for path in folder.glob("*.md")
    )
)
KOREAN: Final = {
    "README.ko.md": "README.md",
    "docs/how-a-token-is-reissued.ko.md": "docs/how-a-token-is-reissued.md",
}
"""What is there in Korean, too, and what it mirrors."""

IN_CPYTHON: Final = "tests/test_documents.py::test_the_python_of_a_document_runs_from_top_to_bottom"
IN_A_PAGE: Final = "tests/browser/test_documents.py::test_the_documents_run_in_a_page"
TOGETHER: Final = "tests/browser/test_documents.py::test_the_recipes_and_the_transfers_work_together"
AS_THREE_COROUTINES: Final = "tests/browser/test_documents.py::test_three_coroutines_are_an_endpoint"
AS_THE_FIRST: Final = "tests/browser/test_python_in_the_page.py::test_the_readmes_first_example_runs_as_it_stands"
BY_PYTEST: Final = "tests/test_documents.py::test_the_recipe_for_tests_is_run_by_pytest"
AS_COMMANDS: Final = "tests/test_documents.py::test_every_command_is_there_to_be_run"
AS_A_GUIDE: Final = "tests/site/test_guide.py::test_the_guide_leads_to_a_protected_page"
IN_THE_GUIDES_PAGE: Final = "tests/browser/test_documents.py::test_the_guide_runs_in_its_own_page"
AS_A_MIRROR: Final = "tests/test_documents.py::test_a_mirror_has_the_same_headings_and_the_same_code"
AS_A_CLIENT: Final = "tests/browser/test_clients.py::test_each_example_shares_one_refresh_and_hears_of_the_end"
AS_A_SERVER: Final = "tests/servers/test_documents.py::test_what_a_page_says_to_a_server_is_what_the_document_says"
AS_A_KNOWN_SERVER: Final = (
    "tests/servers/test_python_servers.py::test_a_server_of_python_is_used_by_the_lines_of_the_document"
)
AS_A_CODE: Final = "tests/servers/test_oauth_toolkit.py::test_django_oauth_toolkit_signs_in_by_redirect"
AS_A_STRICT_SERVER: Final = (
    "tests/servers/test_documents.py::test_what_the_document_says_of_keys_step_ups_and_several_apis"
)
AS_A_TRIP: Final = "tests/servers/test_oidc.py::test_what_the_document_says_of_a_sign_in_by_redirect"
AS_A_POPUP: Final = "tests/servers/test_popup.py::test_what_the_document_says_of_a_popup"
AS_A_WIDGET: Final = (
    "tests/places/test_widget.py::test_a_form_in_a_notebook_signs_the_kernel_in_and_writes_nothing_down"
)
AS_MARIMOS_WIDGET: Final = (
    "tests/places/test_marimo_widget.py::test_marimo_shows_the_widget_and_its_kernel_is_signed_in"
)
AS_A_WIDGETS_WINDOW: Final = "tests/servers/test_widget.py::test_what_the_document_says_of_a_window"
AS_A_PROVIDER: Final = "tests/servers/test_oidc.py::test_the_provider_takes_the_settings_of_the_document"
AS_AN_EMULATED_SERVER: Final = (
    "tests/emulated/test_servers.py::test_each_block_of_the_document_is_of_a_server_that_is_emulated"
)
AS_A_BETTER_SERVER: Final = "tests/servers/test_better_auth.py::test_better_auth_is_asked_once_by_its_cookie"
AS_AN_SDK: Final = "tests/servers/test_emulated.py::test_a_page_adopts_the_tokens_that_an_sdk_signed_in_for"
AS_A_KNOWN_PROVIDER: Final = "tests/emulated/test_providers.py::test_the_documents_block_names_the_first_provider"
AS_FASTAPIS_LINES: Final = "tests/servers/test_documents.py::test_the_lines_for_another_origin_are_those_that_run_here"
AS_A_SETTING: Final = "tests/servers/test_documents.py::test_the_servers_settings_are_those_that_run_here"
AS_THE_POLICY: Final = "tests/test_documents.py::test_the_policy_is_the_one_that_the_guides_page_runs_under"
AS_A_DEMO: Final = "tests/site/test_static_site.py::test_the_demo_says_that_it_has_no_api_until_its_files_name_one"
EMBED: Final = "tests/site/test_embed.py"
WHEEL: Final = "tests/wheel/test_in_a_page.py"
AS_A_GATE: Final = "tests/browser/test_gate.py::test_pyscripts_js_modules_bring_the_scripts_as_well"
AS_A_LINE: Final = "tests/browser/test_gate.py::test_three_lines_bring_the_scripts_to_a_pyodide_of_ones_own"
AS_A_JUPYTERLITE_NOTEBOOK: Final = "tests/places/test_jupyterlite.py::test_a_notebook_of_jupyterlite_stays_signed_in"
AS_PYSCRIPT: Final = "tests/places/test_pyscript.py::test_pyscript_stays_signed_in_in_each_of_its_ways"
AS_A_SHARED_WORKER: Final = "tests/places/test_pyscript.py::test_a_shared_worker_stays_signed_in"
AS_A_FLET_APP: Final = "tests/places/test_flet.py::test_the_worker_of_flet_stays_signed_in"
BY_AN_INDEX: Final = "tests/places/test_release.py::test_a_page_installs_it_from_the_index"
AS_A_MARIMO_NOTEBOOK: Final = "tests/places/test_marimo.py::test_a_notebook_of_marimo_stays_signed_in"
AS_A_REFERENCE: Final = "tests/test_reference.py::test_the_document_is_what_the_docstrings_say"
AS_AN_ELEMENT: Final = "tests/browser/test_service_worker.py::test_the_documents_example_shows_the_picture"

PYTHONS: Final = ("dj-rest-auth", "django-", "fastapi-users", "Flask-JWT-Extended", "Litestar")
"""How the headings of Python's servers begin."""


@dataclass(frozen=True, slots=True)
class Block:
    """Code between two fences; `line` is that of its first line, `heading` the nearest above it, as it is written."""

    document: str
    line: int
    heading: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def in_place(self) -> str:
        """The code behind as many empty lines as stand above it, so that a traceback names the document's own line."""
        return "\n" * (self.line - 1) + self.code


@dataclass(frozen=True, slots=True)
class Rule:
    """Which test runs the blocks of a document, all or some: by heading and language (as shells match names), or by how
    they begin.
    """

    document: str
    test: str
    heading: str = "*"
    language: str = "*"
    begins: str = ""

    def names(self, block: Block) -> bool:
        """Is this block meant?"""
        asked = (self.document, self.heading, self.language)
        said = (block.document, block.heading, block.language)
        return all(map(fnmatchcase, said, asked)) and block.code.startswith(self.begins)


# The first that names a block counts.
RULES: Final = (
    Rule("*.ko.md", AS_A_MIRROR),
    Rule("README.md", AS_COMMANDS, language="sh"),
    Rule("CONTRIBUTING.md", AS_COMMANDS, language="sh"),
    Rule("README.md", AS_THE_FIRST, heading="reissue"),
    Rule("docs/api.md", IN_CPYTHON, heading="In a test"),
    Rule("docs/events.md", IN_CPYTHON),
    Rule("docs/clients.md", AS_A_LINE, heading="Without the demo's interpreter", language="javascript"),
    Rule("docs/clients.md", AS_A_GATE, heading="Without the demo's interpreter", language="toml"),
    Rule("docs/clients.md", IN_A_PAGE, heading="Examples"),
    Rule("docs/clients.md", AS_A_CLIENT),
    Rule("docs/elements.md", AS_AN_ELEMENT),
    Rule("docs/embedding.md", f"{EMBED}::test_the_guides_commands_exist", language="sh", heading="The demo*"),
    Rule("docs/embedding.md", f"{EMBED}::test_the_api_may_be_elsewhere_under_the_guides_policy", heading="The API*"),
    Rule("docs/embedding.md", f"{EMBED}::test_what_the_guide_shows_is_what_the_site_brings", language="text"),
    Rule("docs/embedding.md", f"{EMBED}::test_the_ten_lines_run_as_they_stand", heading="The library*"),
    Rule("docs/embedding.md", f"{WHEEL}::test_micropip_installs_it", language="python"),
    Rule("docs/embedding.md", f"{WHEEL}::test_a_line_of_pyscripts_configuration_installs_it", heading="With a Py*"),
    Rule("docs/embedding.md", AS_A_DEMO, heading="The demo*"),
    Rule("docs/guide.md", IN_THE_GUIDES_PAGE, heading="5. Ask from Python"),
    Rule("docs/guide.md", AS_A_GUIDE),
    Rule("docs/how-a-token-is-reissued.md", IN_CPYTHON, language="python"),
    Rule("docs/how-a-token-is-reissued.md", AS_COMMANDS, language="sh"),
    Rule("docs/inspector.md", IN_A_PAGE),
    Rule("docs/notebooks.md", AS_A_JUPYTERLITE_NOTEBOOK, heading="JupyterLite"),
    Rule("docs/notebooks.md", AS_PYSCRIPT, heading="PyScript"),
    Rule("docs/notebooks.md", AS_A_SHARED_WORKER, heading="A SharedWorker"),
    Rule("docs/notebooks.md", AS_A_FLET_APP, heading="Flet"),
    Rule("docs/notebooks.md", BY_AN_INDEX, heading="From an index of your own"),
    Rule("docs/notebooks.md", BY_AN_INDEX, heading="Packages from behind a sign-in"),
    Rule("docs/notebooks.md", AS_A_MARIMO_NOTEBOOK, heading="marimo"),
    Rule("docs/reference.md", AS_A_REFERENCE),
    Rule("docs/notebook-sign-in.md", AS_A_WIDGET, heading="By a form"),
    Rule("docs/notebook-sign-in.md", AS_MARIMOS_WIDGET, heading="In marimo"),
    Rule("docs/notebook-sign-in.md", AS_A_WIDGETS_WINDOW, heading="In a window"),
    Rule("docs/recipes.md", BY_PYTEST, heading="Test your own app"),
    Rule("docs/recipes.md", IN_CPYTHON, heading="Refresh in the background"),
    Rule("docs/recipes.md", TOGETHER, language="python"),
    Rule("docs/tabs.md", IN_A_PAGE),
    Rule("docs/transfers.md", IN_CPYTHON, heading="Test your own streams"),
    Rule("docs/transfers.md", TOGETHER),
    Rule("docs/security.md", AS_THE_POLICY, language="text"),
    Rule("docs/endpoints.md", AS_A_TRIP, heading="OAuth 2 and OpenID Connect", language="python"),
    Rule("docs/endpoints.md", AS_A_PROVIDER, heading="OAuth 2 and OpenID Connect", language="js"),
    Rule("docs/endpoints.md", AS_A_POPUP, heading="In a popup"),
    Rule("docs/endpoints.md", AS_A_STRICT_SERVER, heading="Tokens bound to a key (DPoP)"),
    Rule("docs/endpoints.md", AS_A_STRICT_SERVER, heading="A stronger sign-in (step-up)"),
    Rule("docs/endpoints.md", AS_A_STRICT_SERVER, heading="Several APIs"),
    Rule("docs/endpoints.md", IN_CPYTHON, heading="What ends a session"),
    Rule("docs/endpoints.md", AS_THREE_COROUTINES, heading="Anything else"),
    Rule("docs/endpoints.md", IN_A_PAGE),
    Rule("docs/servers.md", AS_A_SETTING, begins="SIMPLE_JWT"),
    Rule("docs/servers.md", AS_FASTAPIS_LINES, begins="from fastapi.middleware"),
    Rule("docs/servers.md", AS_A_SERVER, heading="Django REST framework with SimpleJWT"),
    Rule("docs/servers.md", AS_A_SERVER, heading="FastAPI, as its tutorial has it"),
    Rule("docs/servers.md", AS_A_CODE, heading="django-oauth-toolkit by redirect"),
    *(Rule("docs/servers.md", AS_A_KNOWN_SERVER, heading=f"{name}*") for name in PYTHONS),
    Rule("docs/servers.md", AS_A_KNOWN_PROVIDER, heading="By redirect"),
    Rule("docs/servers.md", AS_A_BETTER_SERVER, heading="better-auth*"),
    Rule("docs/servers.md", AS_AN_SDK, heading="* by its SDK"),
    Rule("docs/servers.md", AS_AN_EMULATED_SERVER),
)


def runner(block: Block) -> str | None:
    """The test that runs a block; None if no rule names it."""
    return next((rule.test for rule in RULES if rule.names(block)), None)


def run_by(test: str) -> list[Block]:
    """The blocks that a test runs, in the order of the documents and of their lines."""
    return [block for block in blocks(DOCUMENTS) if runner(block) == test]


def blocks(documents: Iterable[str]) -> list[Block]:
    """All code of these documents. What stands between fences without a language is a drawing."""
    return [block for document in documents for block in read(document, text_of(document)) if block.language]


def text_of(document: str) -> str:
    """A document, as it is written."""
    return (ROOT / document).read_text(encoding="utf-8")


def read(document: str, text: str) -> list[Block]:
    """What stands between fences in a text."""
    found: list[Block] = []
    lines: list[str] = []
    heading, fence, language = "", "", ""
    for number, line in enumerate(text.splitlines(), start=1):
        if fence:
            if line.strip() == fence:
                found.append(Block(document, number - len(lines), heading, language, "".join(f"{x}\n" for x in lines)))
                fence = ""
            else:
                lines.append(line)
        elif opened := re.fullmatch(r"(`{3,})(\w*)(?: run)?", line):
            fence, language, lines = opened[1], opened[2], []
        elif title := re.fullmatch(r"#{1,6} (.+)", line):
            heading = title[1]
    if fence:
        raise ValueError(f"{document} ends within a block")
    return found


def without_blocks(text: str) -> str:
    """A text without what stands between fences."""
    return re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)


def headings(text: str) -> list[str]:
    """The headings of a text, each with its signs."""
    return re.findall(r"^#{1,6} .+$", without_blocks(text), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What `#…` may stand for in a link to a text: its headings, written as GitHub writes them."""
    found: set[str] = set()
    for heading in headings(text):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.lstrip("#").strip()).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = sum(known == anchor or re.fullmatch(rf"{re.escape(anchor)}-\d+", known) is not None for known in found)
        found.add(f"{anchor}-{again}" if again else anchor)
    return found


def links(text: str) -> list[str]:
    """Where a text's links and pictures lead."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", without_blocks(text)))
