"""What README and docs/api.md say in prose and tables; `tests/documents.py` says who runs their code."""

import inspect
import re
from pathlib import Path

import pytest
import reissue
from reissue import errors, events

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/api.md", "docs/events.md")}
README, API, EVENTS = DOCUMENTS.values()
IN_THE_PAGE = (ROOT / "app" / "reissue" / "browser" / "page.py").read_text(encoding="utf-8")
LONGEST = 130  # lines: what does not fit has a document of its own


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_public_name_of_a_document_exists(document: str) -> None:
    members = re.findall(r"(?<![\"/])\bapi\.(\w+)(?!\.?md)", DOCUMENTS[document])
    assert members
    missing = [name for name in members if not hasattr(reissue.Interceptor, name)]
    assert [name for name in missing if f" def {name}(" not in IN_THE_PAGE] == []


def test_the_calls_are_all_there() -> None:
    public = {name for name in vars(reissue.Interceptor) if not name.startswith("_")} - {"attempts"}
    assert {name for name in public if f"api.{name}" not in API} == set()


def test_the_options_are_all_there_with_their_defaults() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*?) \| ", API[API.index("## Options") :], re.MULTILINE)
    told = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    parts = {"transport", "audience", "endpoint", "clock", "peers", "pending_sign_out", "proofs", "parse_url", "page"}
    settings = inspect.signature(reissue.Interceptor).parameters
    of_the_page = set(re.findall(r"^        (tabs|store|name|dpop): ", IN_THE_PAGE, re.MULTILINE))
    assert set(told) == (set(settings) - parts - {"make_future"}) | of_the_page
    for name in ("leeway", "deadline", "in_flight", "retry_lost_refresh"):
        assert told[name] == f"`{settings[name].default}`"


def test_every_error_and_what_it_carries_is_there() -> None:
    for name, said in re.findall(r"`(\w+)` \((`\.[^)]+`)\)", README):
        source = inspect.getsource(getattr(errors, name)) + inspect.getsource(errors._AnsweredError)
        for attribute in re.findall(r"`\.(\w+)", said):
            assert f"self.{attribute}" in source or f"def {attribute}" in source, (name, attribute)
    raised = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
    of_a_session = {"SessionEnded", "SessionChanged", "RefreshUnavailable", "GrantRefused", "SignOutRefused"}
    assert of_a_session <= raised
    assert all(f"`{name}`" in README for name in of_a_session)


def test_every_event_and_phase_is_there() -> None:
    rows = dict(re.findall(r"^\| `(\w+Event)` \| (.*?) \|", EVENTS, re.MULTILINE))
    assert set(rows) == {name for name in vars(events) if re.fullmatch(r"[A-Z]\w+Event", name)}
    for name, phases in rows.items():
        kinds = getattr(events, name.removesuffix("Event") + "Phase")
        assert set(re.findall(r"`([A-Z_]+)`", phases)) == {phase.name for phase in kinds}


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= LONGEST
