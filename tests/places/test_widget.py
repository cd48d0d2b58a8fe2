"""The sign-in widget as notebooks have it: anywidget's own Python, and its own front end in JupyterLite."""

from __future__ import annotations

import subprocess

from playwright.sync_api import expect

from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import AS_A_WIDGET, run_by
from tests.live_server import ROOT
from tests.places.sites import PROGRAMS
from tests.places.test_jupyterlite import SAYS, Notebook, folder, server

__all__ = ["folder", "server"]

WITH_ANYWIDGET = """
import asyncio, json
import comm

sent = []

class Comm(comm.base_comm.BaseComm):
    def publish_msg(self, kind, data=None, metadata=None, buffers=None, **keys):
        sent.append(json.dumps(data, default=str))

comm.create_comm = Comm

import reissue
from reissue.testing import FakeServer, settle

async def main():
    api = FakeServer().connect(endpoint=reissue.Endpoint("/auth"))
    widget = reissue.sign_in_widget(api)

    def say(**message):
        widget.comm.handle_msg({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})

    say(kind="hello")
    assert json.loads(sent[-1])["content"]["state"] == "signed_out"
    say(kind="sign_in", id="1", fields={"username": "ada", "password": "lovelace"})
    await settle()
    assert json.loads(sent[-1])["content"]["user"] == "ada"
    state = json.dumps(widget.get_state(), default=str)
    assert [word for word in ("lovelace", '"ada"', "eyJ") if word in state] == [], "what is saved in the notebook"
    assert not any("lovelace" in message or "eyJ" in message for message in sent)
    assert "application/vnd.jupyter.widget-view+json" in widget._repr_mimebundle_()[0]
    count = len(sent)
    widget.close()
    await api.sign_out()
    assert not any("signed_out" in message for message in sent[count:]), "a widget that is closed says no more"

asyncio.run(main())
"""
SAVED = """
(async () => {
    const found = [];
    for (const {name} of await indexedDB.databases()) {
        const opening = indexedDB.open(name);
        await new Promise(resolve => { opening.onsuccess = resolve; });
        for (const store of opening.result.objectStoreNames) {
            const reading = opening.result.transaction(store).objectStore(store).getAll();
            await new Promise(resolve => { reading.onsuccess = resolve; });
            found.push(reading.result);
        }
    }
    return JSON.stringify(found);
})()
"""
"""All that JupyterLite has stored: its files are in the browser."""


def test_anywidgets_own_python_says_and_saves_no_secret() -> None:
    program = [str(PROGRAMS / "python"), "-W", "error", "-c", WITH_ANYWIDGET]
    done = subprocess.run(program, cwd=ROOT / "app", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_form_in_a_notebook_signs_the_kernel_in_and_writes_nothing_down(visit: Visit) -> None:
    visit.expect_console(SAYS, times=1, at_most=1000)
    visit.expect_console(REFUSED, times=0, at_most=200)
    visit.expect_console("status of 404|ERR_FAILED", times=0, at_most=4)
    install, client = (block.code for block in run_by(AS_A_WIDGET))
    notebook = Notebook(visit)
    notebook.run(install)
    notebook.run(client)
    widget = visit[".reissue-sign-in"]
    status = widget.get_by_role("status")
    expect(status).to_have_text("No user is signed in.", timeout=STARTED)
    for password in ("wrong", "lovelace"):
        widget.get_by_label("Username").click()
        visit.page.keyboard.type("ada")  # letters that are shortcuts of the notebook elsewhere: a is a new cell
        widget.get_by_label("Password").fill(password)
        cells = notebook.cells.count()
        widget.get_by_role("button", name="Sign in").click()
        if password == "wrong":
            expect(widget.get_by_role("alert")).to_have_text("The sign-in was refused: invalid_grant.")
    expect(status).to_have_text("Signed in as Ada Lovelace.")
    assert notebook.cells.count() == cells
    visit.page.keyboard.press("Control+s")
    expect(visit[".jp-Dialog"]).to_be_visible()  # which name?
    visit.page.keyboard.press("Enter")
    expect(visit[".jp-Dialog"]).to_have_count(0)
    visit.until(lambda: "sign_in_widget(api)" in visit.evaluate(SAVED))
    saved = visit.evaluate(SAVED)
    assert [word for word in ("lovelace", "Ada Lovelace", "eyJ") if word in saved] == []
    assert notebook.run('(await (await api.get("me")).json())["sub"]') == "'ada'"
    widget.get_by_role("button", name="Sign out").click()
    expect(status).to_have_text("No user is signed in.")
    assert notebook.run("api.state") == "<State.SIGNED_OUT: 'signed_out'>"
