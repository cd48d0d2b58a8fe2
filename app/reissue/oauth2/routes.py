"""A route of the endpoint: where one kind of request goes, what it carries, and what its answer calls the tokens."""

import re
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Any, Final

from ..http.json_text import is_number
from ..http.urls import check_no_host
from ..http.values import Value
from ..tokens.header_fields import HeadersSetting, check_headers

NAMES: Final = ("access_token", "refresh_token", "expires_in", "token_type")
"""Of the fields of an answer (RFC 6749 section 5.1)."""

HEADER: Final = "header:"
"""Begins a name that stands for a header field of an answer."""

METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "GET")

Fields = Mapping[str, Any]
_TOKENS: Final = ("access_token", "refresh_token")
_WHOLE_URL = re.compile(r"https?://", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,60})\}")


class Route(Value):
    """One kind of request to the endpoint: `Endpoint("/api", refresh=Route("session", method="PUT"))`.

    `path` is below the endpoint's URL ("token?grant_type=password"), or a whole URL ("https://login.example/token"),
    and may have a query. `method` is POST, PUT, PATCH, DELETE or GET; a GET has no body, so it sends no fields.
    `encoding` and `names` are as for `Endpoint`, whose settings they replace for this route (`names` one by one).
    `fields` and `headers` are sent besides those of `Endpoint`. In their text, `{access_token}` and
    `{refresh_token}` stand for the session's tokens:

        Route("refresh", headers={"Authorization": "Bearer {refresh_token}"})

    For a sign-in, `{username}` stands for that field of `api.sign_in(username=…)`, and is sent nowhere else. A field
    or header whose value is missing is left out. If neither fields nor headers name a token, the refresh token is sent
    as a field. Headers that a function returns are sent unchanged.
    `confirmed_by` are the statuses, besides 2xx, that confirm a sign-out: some servers answer 401, since no user is
    signed in any more.

    Raises TypeError or ValueError for settings that can't work.
    """

    path: str
    method: str = field(default="POST", kw_only=True)
    encoding: str | None = field(default=None, kw_only=True)
    names: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    fields: Fields = field(default_factory=dict, kw_only=True, repr=False)  # an API key may be among them
    headers: HeadersSetting | None = field(default=None, kw_only=True, repr=False)
    confirmed_by: Collection[int] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.path, str):
            raise TypeError(f"a route's path is text, not {type(self.path).__name__}")
        if self.path.startswith(("/", "\\")):
            raise ValueError(
                f"a path is below the endpoint's URL, such as 'login', so it can't begin with {self.path[0]!r}"
            )
        if "#" in self.path:
            raise ValueError("a path has no fragment: no server sees it")
        if _PLACEHOLDER.search(self.path):
            raise ValueError("a path names no token, which logs would keep: name it in headers or fields")
        if self.method not in METHODS:
            raise ValueError(f"method is one of {', '.join(METHODS)}, not {self.method!r}")
        check_encoding(self.encoding)
        check_names(self.names)
        check_headers(self.headers)
        if not isinstance(self.confirmed_by, Collection) or not all(map(is_number, self.confirmed_by)):
            raise TypeError("confirmed_by is a collection of statuses, which are whole numbers")
        if self.is_get and self.fields:
            raise ValueError("a GET has no body, so a route with method='GET' takes no fields: use the path's query")
        for name in ("names", "fields", "headers"):  # what was checked is what is sent, whatever the app does later
            object.__setattr__(self, name, copied(getattr(self, name)))

    @property
    def is_get(self) -> bool:
        """Does the route have no body?"""
        return self.method == "GET"

    @property
    def is_whole_url(self) -> bool:
        """Is the path a whole URL?"""
        return _WHOLE_URL.match(self.path) is not None

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces in fields and headers."""
        texts = (*_texts(self.fields), *_texts(self.headers))
        return frozenset(name for text in texts for name in _PLACEHOLDER.findall(text))


def checked_route(name: str, setting: Any, *, cookie: bool = False) -> Route:
    """An endpoint's setting `name=`, as a route. `cookie`: a cookie may stand for the session.

    Raises TypeError or ValueError if it can't work.
    """
    if isinstance(setting, Route):
        if name == "sign_in":
            if setting.is_get:
                raise ValueError("sign_in sends what the user typed, and a GET has no body")
        elif unknown := sorted(setting.placeholders - set(_TOKENS)):
            raise ValueError(f"{{{unknown[0]}}} stands for no token: it is {{access_token}} or {{refresh_token}}")
        elif setting.is_get and not (cookie or setting.placeholders):
            raise ValueError(f"{name} is a GET, which has no body, so its route has to name a token in headers")
        return setting
    if not isinstance(setting, str):
        raise TypeError(f"{name} is a path or a Route, not {type(setting).__name__}")
    route = Route(setting)
    if route.is_whole_url:
        raise ValueError(
            f"{name} is a path below the endpoint's URL, such as {name.replace('_', '-')!r}, and no whole URL: if the "
            f"server has it elsewhere, say {name}=Route(…)"
        )
    return route


def checked_url(url: object) -> str:
    """An endpoint's own URL, without a slash at its end. Raises ValueError if it can't work."""
    if not isinstance(url, str) or not url or "?" in url or "#" in url:
        raise ValueError(f"an endpoint is a URL without query or fragment, not {url!r}")
    check_no_host("an endpoint", url)
    return url.rstrip("/")


def check_no_tokens(name: str, setting: Any) -> None:
    """Raises ValueError if an endpoint's setting `name=` names a token: only a route's do."""
    if any(f"{{{token}}}" in text for text in _texts(setting) for token in _TOKENS):
        raise ValueError(
            f"{name} of an endpoint go with its sign-in as well, so they name no token: use a Route's {name}"
        )


def check_encoding(encoding: str | None) -> None:
    """Raises ValueError for an unknown encoding."""
    if encoding not in ("json", "form", None):
        raise ValueError(f"encoding is 'json' or 'form', not {encoding!r}")


def check_names(names: Mapping[str, str]) -> None:
    """Raises TypeError or ValueError for a setting `names=` that can't work."""
    if unknown := set(names) - set(NAMES):
        raise ValueError(f"names is of {', '.join(NAMES)}; not of {', '.join(sorted(map(str, unknown)))}")
    if not all(isinstance(name, str) for name in names.values()):
        raise TypeError("names maps each field's name to the server's name for it, as text")


def name_in_request(place: str) -> str:
    """What a request calls the refresh token, which an answer has at this place."""
    return "refresh_token" if place.startswith(HEADER) else place.rpartition(".")[2]


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """The value with these values in place of their names in braces, also within lists and mappings.

    A text that names a value which is not there becomes None, and members and items that are None are left out. But a
    text that names neither a value nor a token is a text: a query of GraphQL has braces, too.
    """
    if isinstance(value, str):
        named = _PLACEHOLDER.findall(value)
        if len(named) == 1 and value == f"{{{named[0]}}}":
            return values.get(named[0])  # of whatever type
        if any(name in _TOKENS and name not in values for name in named):
            return None
        return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), value)
    if isinstance(value, Mapping):
        members = {name: filled(member, values) for name, member in value.items()}
        return {name: member for name, member in members.items() if member is not None or value[name] is None}
    if isinstance(value, list | tuple):
        return [item for item in (filled(item, values) for item in value) if item is not None]
    return value


def copied(value: Any) -> Any:
    """A copy of a setting that the app could change later, also of the mappings and lists within it."""
    if isinstance(value, Mapping):
        return {name: copied(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value


def _texts(value: Any) -> list[str]:
    """All texts within a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return []
