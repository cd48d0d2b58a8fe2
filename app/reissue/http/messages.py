"""What goes over the wire: header fields, a request, and a plain response for tests.

Owns their shapes and the checks on a caller's input. Knows nothing about tokens, nor about what sends them.
"""

import builtins
import json as json_format
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, Protocol

from ..errors import HttpStatusError
from .chunks import ReadInChunks
from .values import Value

# A client may send its token, an API key or a CSRF token in any field (`header=`, `headers=`).
_SECRET_FIELD: Final = re.compile(
    "auth|cookie|dpop|token|key|secret|session|csrf|xsrf|jwt|passw|credential|ticket", re.IGNORECASE
)
_AUTHORITY = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.\-]*:)?)([/\\]*)(.*)", re.DOTALL)  # a scheme, slashes, the rest
_FIELD_NAME = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+")  # a token (RFC 9110 section 5.6.2)
_METHOD = re.compile(r"[A-Za-z][A-Za-z\-]*")
_BODILESS: Final = frozenset({"GET", "HEAD"})  # fetch refuses a body with these (Fetch standard, section 5.4)
_OWN: Final = ("method", "headers", "body", "json", "data", "files", "params", "timeout", "auth")
_OPTIONS: Final = frozenset({  # what else fetch takes: RequestInit (Fetch standard, section 5.4), and one of Chromium's
    "mode", "credentials", "cache", "redirect", "referrer", "referrerPolicy", "integrity", "keepalive", "signal",
    "window", "duplex", "priority", "targetAddressSpace",
    "on_progress",  # of this library's own
})  # fmt: skip
_DEFAULTS: Final = {  # settings that a client may have for all its requests (Fetch standard, section 5.4)
    "cache": ("default", "no-store", "reload", "no-cache"),  # other modes may give an answer to another user's request
    "credentials": ("omit", "same-origin", "include"),
    "redirect": ("follow", "error", "manual"),
}
_HINTS: Final = {
    "deadline": "give timeout=",
    "fetcher": "it is sent by the page's own fetch",
}


class Headers(Mapping[str, str]):
    """Header fields, immutable. Names compare in any case (RFC 9110 section 5.1) and keep the case given.

    Takes a mapping, an iterable of pairs, or a JavaScript `Headers` object. Fields given twice are joined with a
    comma (RFC 9110 section 5.3). Raises ValueError for an invalid name or value, and TypeError for one that is no
    string.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: object = None) -> None:
        self._fields: dict[str, tuple[str, str]] = {}
        for name, value in _pairs(fields):
            _check_field(name, value)
            known = self._fields.get(name.lower())
            self._fields[name.lower()] = (name, value) if known is None else (known[0], f"{known[1]}, {value}")

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        shown = {n: "…" if _SECRET_FIELD.search(n) else v for n, v in self.items()}
        return f"Headers({shown!r})"

    def with_field(self, name: str, value: str) -> "Headers":
        """The same fields with `name` set to `value`, in place of any earlier value."""
        _check_field(name, value)
        fields = Headers.__new__(Headers)  # these have been checked
        fields._fields = {**self._fields, name.lower(): (name, value)}
        return fields


def lines_of(headers: Headers) -> str:
    """The name and the value of each field by turns, each on a line of its own."""
    return "\n".join(chain.from_iterable(headers._fields.values()))


def _check_field(name: Any, value: Any) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"header fields are strings, not {type(name).__name__}: {type(value).__name__}")
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"not a header field's name: {name!r}")
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"the value of {name} holds a line break or a NUL")  # the value may be a secret


def _pairs(fields: Any) -> Iterable[tuple[Any, Any]]:
    if fields is None:
        return ()
    if isinstance(fields, Mapping):
        return fields.items()
    if hasattr(fields, "entries"):  # a JavaScript Headers object
        return [(name, value) for name, value in fields.entries()]
    if isinstance(fields, (str, bytes)) or not isinstance(fields, Iterable):
        raise TypeError(f"headers are a mapping or pairs, not {type(fields).__name__}")
    pairs = []
    for pair in fields:
        if isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise TypeError("headers given as a sequence are pairs of a name and a value")
        pairs.append((pair[0], pair[1]))
    return pairs


_NO_FIELDS: Final = Headers()


class Request(Value):
    """One request as the caller made it. Immutable, so a replay starts from the caller's own input.

    `url` is absolute when a transport gets it. `body` is None, `str`, `bytes`, a `Form`, or an object that the
    transport knows (FormData, Blob, a stream). `options` are further settings that only the transport understands.
    """

    url: str
    method: str = "GET"
    headers: Headers = field(default_factory=Headers)
    body: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        url: str,
        *,
        method: str = "GET",
        headers: object = None,
        body: Any = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
        params: Any = None,
        **options: Any,
    ) -> "Request":
        """A request from a caller's arguments. Raises TypeError or ValueError before anything is sent.

        `data` are the fields of a form, and `files` its files; `forms` has their shapes, which are httpx's. `params`
        are added to the URL's query (see `with_params`). `options` are those of the browser's `fetch` (RequestInit).
        Others raise TypeError: fetch would ignore them.
        """
        if not options.keys() <= _OPTIONS:
            raise TypeError(_unknown(min(options.keys() - _OPTIONS)))
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise ValueError(f"not an HTTP method: {method!r}")
        fields = _NO_FIELDS if headers is None else Headers(headers)
        if data is not None or files is not None:
            if body is not None or json is not None:
                raise ValueError("give data= and files=, or json=, or body=")
            body, fields = _with_form(fields, data, files)
        if json is not None:
            if body is not None:
                raise ValueError("give json= or body=, not both")
            body = json_format.dumps(json, ensure_ascii=False, allow_nan=False).encode()
            if "Content-Type" not in fields:
                fields = fields.with_field("Content-Type", "application/json")
        if isinstance(body, (bytearray, memoryview)):
            body = bytes(body)  # the caller may change the buffer before a replay
        if isinstance(body, (Mapping, list, tuple, set, frozenset, int, float)) and not hasattr(body, "js_id"):
            raise TypeError(f"a body can't be of type {type(body).__name__}: give bytes or text, or use json=")
        method = method.upper()
        if body is not None and method in _BODILESS:
            raise ValueError(f"{method} can't carry a body: name a method, such as method='POST'")
        if params is not None:
            from .params import with_params  # here, since most pages write their queries into the URLs

            url = with_params(url, params)
        return cls(url, method, fields, body, MappingProxyType(options))

    @property
    def replayable(self) -> bool:
        """Can the body be sent a second time? Iterators and JavaScript streams are read once.

        The method does not matter: a server that rejects the token has not acted on the request, so a POST is replayed,
        too.
        """
        return self.body is None or not any(hasattr(self.body, name) for name in ("__next__", "__anext__", "getReader"))

    @property
    def shown_url(self) -> str:
        """The URL without user name, query and fragment, which may hold secrets: for events, logs and errors."""
        scheme, slashes, rest = _AUTHORITY.fullmatch(re.split(r"[?#]", self.url, maxsplit=1)[0]).groups()  # type: ignore[union-attr]
        if not slashes:
            return f"{scheme}{rest}"
        authority, slash, path = re.match(r"([^/\\]*)([/\\]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
        return f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}"

    def with_field(self, name: str, value: str) -> "Request":
        """The same request with one header field set."""
        return Request(self.url, self.method, self.headers.with_field(name, value), self.body, self.options)

    def __repr__(self) -> str:
        return f"Request({self.method} {self.shown_url})"


def _with_form(fields: Headers, data: Any, files: Any) -> tuple[Any, Headers]:
    """The body for `data=` and `files=`, and the header fields with its Content-Type."""
    from .forms import form_body  # here, since most pages send no form

    body, content_type = form_body(data, files)
    if content_type is None and "Content-Type" in fields:
        raise ValueError("leave out Content-Type with files=: the transport sets it, with the boundary of the parts")
    if content_type is None or "Content-Type" in fields:
        return body, fields
    return body, fields.with_field("Content-Type", content_type)


def default_options(**options: Any) -> dict[str, str]:
    """Those of fetch's settings that are given, for all requests of a client. Raises TypeError or ValueError."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} is text, not {type(value).__name__}")
        if value not in _DEFAULTS[name]:
            raise ValueError(f"{name} is one of {', '.join(map(repr, _DEFAULTS[name]))} here, not {value!r}")
    return given


def _unknown(option: str) -> str:
    from difflib import get_close_matches  # here, since few pages ever need it

    near = get_close_matches(option, [*_OWN, *_OPTIONS], 1)
    hint = _HINTS.get(option) or (f"is {near[0]}= meant?" if near else None)
    return f"a request takes no {option}=" + (f": {hint}" if hint else "")


class HasStatus(Protocol):
    """All that the interceptor needs of a transport's response, which it returns to the caller unchanged.

    `outcomes` says what else a response may have: `discard_body()`, `clone()`, `redirected` and `url`.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields; names in the transport's case."""
        ...


class Response(Value, ReadInChunks):
    """A plain response, for tests and fakes. In the page you get `pyodide.http.FetchResponse` instead."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Is the status 200–299?"""
        return 200 <= self.status < 300

    def raise_for_status(self) -> "Response":
        """This response, if its status is no error. Raises HttpStatusError for 400–599."""
        if 400 <= self.status < 600:
            raise HttpStatusError(self)
        return self

    async def aiter_bytes(self) -> AsyncIterator["builtins.bytes"]:
        """The body, in one piece."""
        if self.body:
            yield self.body

    async def bytes(self) -> "bytes":
        """The body."""
        return self.body

    async def text(self) -> str:
        """The body as UTF-8 text; invalid bytes are replaced, as in a browser."""
        return self.body.decode("utf-8", "replace")

    async def json(self) -> Any:
        """The body read as JSON. Raises ValueError if it is no JSON."""
        return json_format.loads(self.body)

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


Transport = Callable[[Request], Awaitable[Any]]
"""Sends one request and returns its response (`.status`, `.headers`). Raises OSError if no answer comes."""
