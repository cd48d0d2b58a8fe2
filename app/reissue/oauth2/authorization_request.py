"""One trip to the authorization server and back: the request, what is stored meanwhile, and the answer.

Authorization code with PKCE (RFC 6749 section 4.1, RFC 7636). The page is left, so what only this browser tab may know
is stored in its `sessionStorage`: under the `state` that the answer must have, and for one use.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from ..http.json_text import is_number, parse_json, repeated
from ..storage import Store
from ..tokens.jws import to_base64url

LIFE: Final = 86_400.0
"""Seconds for which an answer is waited for. Users leave login pages open; servers close them sooner."""
_END_OF_TIME = 1e15  # seconds: arithmetic with a larger number may fail
_LONGEST_KEPT = 5_242_880  # characters of all pending sign-ins: the browser's store holds no more
_LONGEST_URL = 100_000  # characters: no server accepts a longer URL, or sends users back to it
_MOST = 8  # sign-ins that may be under way in one tab: by several clients, or begun and abandoned

# The parameters of an answer (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207, OpenID Connect Session Management).
_ANSWER: Final = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "session_state"})

_OURS: Final = frozenset(
    {
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "resource", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "request", "request_uri"),
    }
)
"""The parameters of an authorization request that callers can't set."""


def checked_parameters(parameters: Mapping[str, Any], source: str) -> dict[str, str]:
    """Parameters of an authorization request, as text. Raises TypeError for those that callers can't set."""
    if taken := sorted(_OURS & parameters.keys()):
        raise TypeError(f"{source} can't set {', '.join(taken)}: the endpoint sets them itself")
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise TypeError(f"{name} is a parameter of a URL, text or a whole number, not {type(value).__name__}")
    texts = {name: str(value) for name, value in parameters.items()}
    if not texts.get("max_age", "0").isdecimal():
        raise ValueError("max_age is a whole number of seconds")
    return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in under way. `client` began it, at the time `since` (seconds); `back_to` is the URL of the page."""

    client: str
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    issuer: str | None
    redirect_uri: str
    back_to: str = field(repr=False)
    since: float
    max_age: float | None = None


class PendingSignIns:
    """The sign-ins under way in this tab, of all its clients, by their `state`.

    What is in the store is not trusted: any script of the origin can write there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, state: str, pending: Pending) -> None:
        """Store a sign-in. Raises OSError if the store is full or forbidden: its answer could not be used."""
        kept = {**self._read(now=pending.since), state: pending}
        self._write(dict(list(kept.items())[-_MOST:]))

    def take(self, state: str, *, now: float) -> Pending | None:
        """Remove the sign-in with this state and return it, since an answer counts once. None if there is none."""
        kept = self._read(now=now)
        pending = kept.pop(state, None)
        with suppress(OSError):
            self._write(kept)
        return pending

    def owner(self, state: str, *, now: float) -> str | None:
        """The client that began the sign-in with this state; None if there is none."""
        pending = self._read(now=now).get(state)
        return pending.client if pending else None

    def _read(self, *, now: float) -> dict[str, Pending]:
        try:
            entries = parse_json(self._store.read() or "{}", longest=_LONGEST_KEPT, deepest=2)
        except (OSError, ValueError):
            return {}
        if not isinstance(entries, dict):
            return {}
        read = {state: _pending(entry) for state, entry in entries.items()}
        return {state: pending for state, pending in read.items() if pending and now - pending.since < LIFE}

    def _write(self, kept: Mapping[str, Pending]) -> None:
        entries = {state: asdict(pending) for state, pending in kept.items()}
        self._store.write(json.dumps(entries) if entries else None)


def _pending(entry: Any) -> Pending | None:
    if not isinstance(entry, dict) or entry.keys() != {member.name for member in fields(Pending)}:
        return None
    texts = [entry[name] for name in ("client", "verifier", "nonce", "redirect_uri", "back_to")]
    times = [entry["since"], 0 if entry["max_age"] is None else entry["max_age"]]
    if not all(isinstance(text, str) for text in [*texts, entry["issuer"] or ""]):
        return None
    if not all(is_number(time) and abs(time) < _END_OF_TIME for time in times):
        return None
    return Pending(**entry)


def random_text() -> str:
    """43 random characters: a verifier (RFC 7636 section 4.1), a state or a nonce."""
    return to_base64url(os.urandom(32))


def request_url(endpoint: str, parameters: Mapping[str, Any]) -> str:
    """The URL of an authorization request. A query that the endpoint has stays (RFC 6749 section 3.1)."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters, doseq=True)}"


def read_answer(url: str) -> Mapping[str, str] | None:
    """The authorization server's answer in the URL that it sent the user back to; None if this is no such URL.

    A parameter that stands in it twice (RFC 6749 section 3.1 forbids that) is left out, as if it were missing.
    """
    if len(url) > _LONGEST_URL:
        return None
    pairs = [(name, value) for name, value in parse_qsl(_query(url), keep_blank_values=True) if name in _ANSWER]
    answer = dict(pairs)
    if "state" not in answer or not answer.keys() & {"code", "error"}:
        return None
    twice = repeated(name for name, _ in pairs)
    return {name: value for name, value in answer.items() if name not in twice}


def without_answer(url: str) -> str:
    """The same URL without what an authorization server added to its query."""
    if read_answer(url) is None:
        return url
    rest, hash_mark, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) not in _ANSWER]
    return path + ("?" if kept else "") + "&".join(kept) + hash_mark + fragment


def place(url: str) -> str:
    """The URL without query and fragment."""
    return url.partition("#")[0].partition("?")[0]


def _query(url: str) -> str:
    return url.partition("#")[0].partition("?")[2]
