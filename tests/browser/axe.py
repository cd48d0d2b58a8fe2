"""Accessibility rules by axe-core, run in a page as it stands.

    from tests.browser.axe import expect_accessible

    def test_the_page_keeps_the_rules(visit: Visit) -> None:
        visit.open()
        expect_accessible(visit)                       # the whole document, open shadow roots included
        expect_accessible(visit, within="#panel")      # or one element of it

axe-core is in `package.json` for the tests only: it lies in `.runtime/npm-…/node_modules/`, and no page gets it. It
is brought in by the developer tools, so the page's policy need not allow it. Call it when the page is at rest: a colour
in the middle of a transition may fail. It tells nothing about what is not there yet, or hidden.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from runtime.npm_packages import installed
from tests.browser.visit import Visit
from tests.live_server import ROOT

GRAVE = frozenset({"serious", "critical"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that one element breaks."""

    rule: str
    impact: str
    element: str
    summary: str

    def __str__(self) -> str:
        return f"{self.impact}: {self.rule}: {self.element}\n    {self.summary}"


def findings(visit: Visit, *, within: str | None = None) -> list[Finding]:
    """What axe-core finds in the document, or within the first element of a selector; every impact."""
    if not visit.evaluate("'axe' in globalThis"):
        visit.evaluate(f"(() => {{ {_source()}\n }})()")
    scope = f"document.querySelector({json.dumps(within)})" if within else "document"
    # Without `preload` it asks the network for nothing.
    options = {"preload": False, "resultTypes": ["violations"]}
    question = f"axe.run({scope}, {json.dumps(options)}).then(result => JSON.stringify(result.violations))"
    violations: list[dict[str, Any]] = json.loads(visit.evaluate(question))
    return [
        Finding(violation["id"], violation["impact"] or "", " ".join(map(str, node["target"])), node["failureSummary"])
        for violation in violations
        for node in violation["nodes"]
    ]


def expect_accessible(visit: Visit, *, within: str | None = None) -> None:
    """Fail the test if a rule of grave impact (serious or critical) is broken."""
    grave = [finding for finding in findings(visit, within=within) if finding.impact in GRAVE]
    assert not grave, "\n".join(map(str, grave))


@cache
def _source() -> str:
    return (installed(ROOT / ".runtime") / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
