"""One trip to the authorization server and back: what is asked for, what is remembered meanwhile, what comes back.

Authorization code with PKCE (RFC 6749 section 4.1, RFC 7636). The page is left, so what only this browser tab may know
waits in its `sessionStorage`: under the `state` that the answer must bring, and for one use.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from ..http.json_text import parse_json, repeated
from ..storage import Store
from ..tokens.jws import to_base64url

LIFE: Final = 86_400.0
"""Seconds for which a sign-in is waited for. People leave login pages open; servers end them sooner."""
_END_OF_TIME = 1e15  # seconds: beyond it, a number may be too large to reckon with
_LONGEST_KEPT = 5_242_880  # characters of all of them: what the browser's store takes
_LONGEST_URL = 100_000  # characters: no server takes a longer one, or sends users back to it
_MOST = 8  # sign-ins that may be under way in one tab: by several clients, or begun and abandoned

# What an answer may consist of (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207, OpenID Connect Session Management).
_ANSWER: Final = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "session_state"})

_OURS: Final = frozenset(
    {
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "resource", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "request", "request_uri"),
    }
)
"""The parameters of an authorization request that are not the caller's to set."""


def checked_parameters(parameters: Mapping[str, Any], source: str) -> dict[str, str]:
    """Parameters of an authorization request, as text. Raises TypeError for those that are not a caller's to set."""
    if taken := sorted(_OURS & parameters.keys()):
        raise TypeError(f"{source} can't set {', '.join(taken)}: the endpoint does")
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise TypeError(f"{name} is a parameter of a URL, text or a whole number, not {type(value).__name__}")
    texts = {name: str(value) for name, value in parameters.items()}
    if not texts.get("max_age", "0").isdecimal():
        raise ValueError("max_age is a whole number of seconds")
    return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in under way: `client` began it, and `back_to` is the URL that the user was at. `since` in seconds."""

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

    What lies in the store is not trusted to be whole: any script of the origin can write there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, state: str, pending: Pending) -> None:
        """Remember one. Raises OSError if the store is full or forbidden: without it, nobody could come back."""
        kept = {**self._read(now=pending.since), state: pending}
        self._write(dict(list(kept.items())[-_MOST:]))

    def take(self, state: str, *, now: float) -> Pending | None:
        """The one with this state, and forget it: an answer counts once. None if there is none."""
        kept = self._read(now=now)
        pending = kept.pop(state, None)
        with suppress(OSError):
            self._write(kept)
        return pending

    def owner(self, state: str, *, now: float) -> str | None:
        """The client that began it; None if nobody did."""
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
    if not all(isinstance(time, (int, float)) and abs(time) < _END_OF_TIME for time in times):
        return None
    return Pending(**entry)


def random_text() -> str:
    """43 characters that nobody can guess: a verifier (RFC 7636 section 4.1), a state or a nonce."""
    return to_base64url(os.urandom(32))


def request_url(endpoint: str, parameters: Mapping[str, Any]) -> str:
    """The URL of an authorization request. A query that the endpoint has stays (RFC 6749 section 3.1)."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters, doseq=True)}"


def read_answer(url: str) -> Mapping[str, str] | None:
    """What an authorization server says in the URL that it sent the user back to; None if this is no such URL.

    What stands in it twice is left out (RFC 6749 section 3.1 forbids it), so it will be missed.
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
