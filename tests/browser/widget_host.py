"""A notebook's part, as far as the sign-in widget needs it: a model for its view, and a way to a kernel."""

from __future__ import annotations

from tests.browser.visit import Visit

# Messages cross a BroadcastChannel, so that the kernel may be in the page or in a worker.
KERNEL = """
import json
from reissue.notebook.sign_in import SignIn

notebook = js.BroadcastChannel.new("notebook")
kernel = SignIn(api, lambda message: notebook.postMessage(json.dumps(message)), fields=FIELDS)
notebook.onmessage = create_proxy(lambda event: kernel.receive(json.loads(event.data)))
None
"""
VIEW = """
const notebook = new BroadcastChannel("notebook");
const listeners = new Set();
globalThis.said = []; // all that a notebook could write down
notebook.onmessage = ({data}) => {
    said.push(data);
    for (const listener of listeners) listener(JSON.parse(data), []);
};
const model = {
    get: () => undefined,
    set: () => { throw new Error("no trait is set"); },
    save_changes: () => { throw new Error("no trait is saved"); },
    on: (name, listener) => name === "msg:custom" && listeners.add(listener),
    off: (name, listener) => listeners.delete(listener),
    send: message => notebook.postMessage(JSON.stringify(message)),
};
globalThis.showView = async () => {
    const {default: widget} = await import("/app/reissue/notebook/widget.js");
    const style = new CSSStyleSheet();
    style.replaceSync(await (await fetch("/app/reissue/notebook/widget.css")).text());
    document.adoptedStyleSheets = [style];
    const el = document.createElement("main");
    document.body.append(el);
    const cleanUp = widget.render({model, el});
    return () => { cleanUp(); el.remove(); };
};
"""


def show(visit: Visit, *, fields: str = '("username", "password")') -> None:
    """A kernel and one view, in a page whose Python has `api`."""
    visit.run(f"import js\nfrom pyodide.ffi import create_proxy\n{KERNEL.replace('FIELDS', fields)}")
    visit.execute(VIEW)
    visit.evaluate("showView().then(hide => { globalThis.hide = hide; })")
