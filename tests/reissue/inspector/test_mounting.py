"""The front door of the inspector, where there is no browser."""

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import reissue

from tests.reissue.conftest import World


async def test_outside_a_browser_inspecting_is_a_clear_error(world: World) -> None:
    with pytest.raises(reissue.ReissueError, match="a panel needs a page in a browser"):
        reissue.inspect(world.api, "#panel")


async def test_in_a_page_the_panel_is_made_of_what_was_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    panel: Any = ModuleType("reissue.inspector.panel")
    panel.Inspector = lambda api, target, *, language: (api, target, language)
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "reissue.inspector.panel", panel)
    made: Any = reissue.inspect(world.api, "#panel", language="ko")
    assert made == (world.api, "#panel", "ko")


def test_who_does_not_inspect_does_not_load_the_inspector() -> None:
    source = "import sys, reissue; print([name for name in sys.modules if 'inspector' in name])"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, env={"PYTHONPATH": "app"}
    )
    assert done.stdout.strip() == "[]"
