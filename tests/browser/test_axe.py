"""The scan finds what is wrong in a page, under the page's own policy; else its silence would say nothing."""

import pytest

from tests.browser.axe import expect_accessible, findings
from tests.browser.visit import Visit


def test_the_scan_sees_into_shadow_roots_and_keeps_to_its_scope(visit: Visit) -> None:
    visit.open_blank()
    expect_accessible(visit)
    visit.run("""
from js import document

host = document.createElement("div")
host.id = "host"
document.body.append(host)
host.attachShadow(mode="open").append(document.createElement("button"))
None
""")
    with pytest.raises(AssertionError, match="button-name"):
        expect_accessible(visit)
    assert [finding.rule for finding in findings(visit, within="#host")] == ["button-name"]
    expect_accessible(visit, within="#status")
