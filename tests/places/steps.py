"""What a new user does in a new place, step by step: the Python of each, and what it gives."""

# A worker may come from a blob, to which no path is relative; the library knows where the page is.
CONTROL = """
from pyodide.http import pyfetch
here = js.location.origin
async def control(path, fields):
    json = {"Content-Type": "application/json"}
    await pyfetch(here + path, method="POST", body=fields, headers=json)
"""

STEPS: dict[str, tuple[str, object]] = {
    "import": ("import asyncio, js, sys, reissue\nreissue.Interceptor.__name__", "Interceptor"),
    "connect": (
        "api = reissue.connect('/api/', endpoint=reissue.Endpoint('/auth'), tabs=False)\napi.state.value",
        "signed_out",
    ),
    "resume": ("await api.resume()", False),
    "sign in": ("await api.sign_in(username='ada', password='lovelace')\napi.claims['sub']", "ada"),
    "get": ("(await (await api.fetch('/api/me')).json())['sub']", "ada"),
    "post": ("(await (await api.post('notes', json={'text': 'hi'})).json())['text']", "hi"),
    "storm": (
        CONTROL
        + """
await control("/dev/counters/reset", "{}")
await control("/dev/revoke", "{}")
answers = await asyncio.gather(*(api.fetch(f"/api/echo?n={n}") for n in range(20)))
refreshes = (await (await pyfetch(f"{here}/dev/counters")).json())["refreshes_asked"]
[[answer.status for answer in answers].count(200), refreshes]
""",
        [20, 1],
    ),
    "expired": (
        """
await control("/dev/skew", '{"seconds": 1000}')
(await api.fetch("/api/me")).status
""",
        200,
    ),
    "install": (
        """
with api.installed():
    by_pyfetch = (await pyfetch(f"{here}/api/me")).status
    by_js = (await js.fetch(f"{here}/api/me")).status
    outside = (await js.fetch(here)).status
    await js.eval(f"fetch('{here}/api/me').then(response => {{ globalThis.by_javascript = response.status; }})")
[by_pyfetch, by_js, js.by_javascript, outside, (await pyfetch(f"{here}/api/me")).status]
""",
        [200, 200, 200, 200, 401],
    ),
    "timeout": (
        """
try:
    said = (await api.fetch("/api/echo?delay=60", timeout=0.01)).status
except TimeoutError:
    said = "TimeoutError"
said
""",
        "TimeoutError",
    ),
    "cancel": (
        """
asking = asyncio.ensure_future(api.fetch("/api/echo?delay=60"))
await asyncio.sleep(0)
asking.cancel()
try:
    said = (await asking).status
except asyncio.CancelledError:
    said = "CancelledError"
said
""",
        "CancelledError",
    ),
    "signal": (
        """
controller = js.AbortController.new()
asking = asyncio.ensure_future(api.fetch("/api/echo?delay=60", signal=controller.signal))
await asyncio.sleep(0)
controller.abort()
try:
    said = (await asking).status
except reissue.RequestAborted:
    said = "RequestAborted"
said
""",
        "RequestAborted",
    ),
    "stream": (
        """
response = await api.fetch("/api/stream?lines=2&interval=0")
(await response.text()).split()
""",
        ["data:", "0", "data:", "1"],
    ),
    "an error": (
        """
try:
    (await api.get("nothing")).raise_for_status()
except reissue.HttpStatusError as error:
    said = [error.status, isinstance(error, OSError)]
said
""",
        [404, True],
    ),
    "a path without the session": ("(await api.fetch('/api/me', auth=False)).status", 401),
    "no answer": (
        """
try:
    said = (await api.fetch("/api/gone", auth=False)).status
except reissue.NetworkError:
    said = "NetworkError"
said
""",
        "NetworkError",
    ),
    "a second client": (
        """
other = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), name="other")
[await other.resume(), (await other.fetch("/api/me")).status, await other.close()]
""",
        [True, 200, None],
    ),
    "a look at it": (
        "inspector = reissue.inspect(api, 'body')\ninspector.close()\nrepr(api).startswith('<reissue client')",
        True,
    ),
    "sign out": ("await api.sign_out()\nawait api.close()\napi.state.value", "signed_out"),
}

IN_A_WORKER = [name for name in STEPS if name != "a look at it"]
"""What makes sense where there is no document."""

NO_ANSWER = ("/api/gone", "drop")
"""The fault that a server has ready for the step of that name; a browser may try nine times."""
