"""Who may see the access token: URLs, compared as a browser reads them.

`https://evil.example\\@api.test/v1` goes to `evil.example` in every browser, and to `api.test` if Python's
`urlsplit` is asked. So the page hands in the browser's own `URL`; `parse_url` below does the same in CPython, for
http and https, after the WHATWG URL standard. What it can't be sure of is no URL, and gets no token.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import unquote

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_DECODINGS: Final = 5
_ENCODED_PERCENT = re.compile(r"%(?:25)+")
_OVERLONG = re.compile(r"%(?:c0|e0%80|f0%80%80)%a[ef]", re.IGNORECASE)  # `.` and `/`
_DOTS = re.compile(r"[/\\]\.\.(?:[/\\;?#\x00-\x20]|\Z)")
_CONTROLS = "".join(map(chr, range(0x21)))  # and the space: a browser takes them off both ends of a URL
_PORT = re.compile(r":\d+\Z")
_HOST = re.compile(r"[a-z0-9._\-]+|\[[0-9a-f:.]+\]")


class Url(NamedTuple):
    """A parsed URL. `href` is what must be sent, since it is what was compared."""

    href: str
    origin: str
    path: str


ParseUrl = Callable[[str], Url]


def parse_url(text: str) -> Url:
    """An absolute http or https URL, read as the WHATWG URL standard reads it. Raises ValueError for any other.

    Not the whole standard: hosts outside ASCII are refused, where a browser would encode them.
    """
    text = _trimmed(text)
    scheme_end = _SCHEME.match(text)
    scheme = scheme_end.group()[:-1].lower() if scheme_end else ""
    if scheme_end is None or scheme not in _DEFAULT_PORTS:
        raise ValueError("not an absolute http(s) URL")
    rest, hash_mark, fragment = text[scheme_end.end() :].partition("#")
    rest, question_mark, query = rest.partition("?")
    rest = rest.replace("\\", "/").lstrip("/")  # a browser takes any number of either slash
    authority, _, path = rest.partition("/")
    if "@" in authority:
        raise ValueError("the URL names a user, which fetch refuses to send")
    host, _, port = authority.lower().partition(":")
    if authority.startswith("["):  # an IPv6 address has colons of its own
        host, bracket, port = authority.lower().partition("]")
        host, port = host + bracket, port.removeprefix(":") if port.startswith(":") else port and "no port"
    if not authority.isascii() or not _HOST.fullmatch(host) or (port and not (port.isascii() and port.isdigit())):
        raise ValueError("not a host and port that can be compared with certainty")
    if len(port := port.lstrip("0") or port[:1]) > 5:
        raise ValueError("not a port")
    origin = f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS[scheme] else "")
    path = _without_dots(path)
    return Url(origin + path + question_mark + query + hash_mark + fragment, origin, path)


def _trimmed(text: str) -> str:
    return re.sub(r"[\t\n\r]", "", text.strip(_CONTROLS))


def _without_dots(path: str) -> str:
    """The path with `.` and `..` resolved, also where they are written `%2e` (WHATWG URL, section 4.1)."""
    kept: list[str] = []
    segments = path.split("/")
    for index, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(segment)
            continue
        if index == len(segments) - 1:
            kept.append("")  # a final dot segment leaves its slash
    return "/" + "/".join(kept)


class Audience:
    """The URLs that may see the access token: these origins, from these path segments down. Closed by default.

    `https://api.test/v1` covers `/v1` and `/v1/notes`, and neither `/v10` nor any other scheme, host or port.
    Raises ValueError for what can't be one: no http(s) URL, a query, a fragment, a user name.
    """

    def __init__(self, audience: str | Iterable[str], *, parse: ParseUrl) -> None:
        texts = [audience] if isinstance(audience, str) else list(audience)
        if not texts:
            raise ValueError("an audience is at least one URL")
        urls = [_audience_url(text, parse) for text in texts]
        self._covered = [(url.origin, url.path.rstrip("/").split("/")) for url in urls]
        self._urls = tuple(url.href for url in urls)
        self._base = urls[0] if len(urls) == 1 else None
        self._parse = parse

    def __str__(self) -> str:
        return " ".join(self._urls)

    @property
    def roots(self) -> frozenset[str]:
        """Prefixes, each an origin and a path: every URL of the audience begins with one; others may, too (`/v10`)."""
        return frozenset(origin + ("/".join(segments) or "/") for origin, segments in self._covered)

    def covers(self, url: Url) -> bool:
        """May this URL see the token?"""
        for origin, segments in self._covered:
            if url.origin == origin:
                path = url.path.split("/")
                if path[: len(segments)] == segments and not _climbs(url.path):
                    return True
        return False

    def mistaken(self, url: Url) -> Literal["origin", "path"] | None:
        """Why a URL is outside the audience that looks like one of it; None if it is covered, or looks foreign.

        "path": it has an origin of the audience. "origin": it has a path of the audience, and the path is not the whole
        of an origin, unless the hosts are the same (another scheme or port; `localhost` and `127.0.0.1`, too).
        """
        if self.covers(url):
            return None
        if any(url.origin == origin for origin, _ in self._covered):
            return "path"
        path, host = url.path.split("/"), _host(url)
        for base, segments in self._covered:
            if path[: len(segments)] == segments and (any(segments) or _host(Url("", base, "")) == host):
                return "origin"
        return None

    def resolve(self, text: Any) -> Any:
        """The URL of a path that is relative to the audience; what is no text, or a whole URL, is given back as it is.

        `notes` and `?page=2` are relative to the audience, as if its path ended in a slash; `/v1/notes` to its origin.
        Raises ValueError for a path that leads out of the audience, and if the audience is several URLs.
        """
        if not isinstance(text, str):
            return text
        path = _trimmed(text)
        if _SCHEME.match(path):
            return text
        if self._base is None:
            raise ValueError("this client's audience is several URLs: give a whole URL, not a relative path")
        base = self._base
        if path.startswith(("/", "\\")):
            scheme = base.origin.partition("/")[0]
            whole = (scheme if path[1:2] in ("/", "\\") else base.origin) + path
        elif path[:1] in ("", "?", "#"):
            whole = base.href + path
        else:
            whole = base.href.removesuffix("/") + "/" + path
        url = self._parse(whole)
        if not self.covers(url):
            shown = re.split(r"[?#]", path, maxsplit=1)[0]  # the rest may hold secrets
            raise ValueError(
                f"{shown!r} leads out of the audience {base.href}: give a path below it ('notes'), a whole URL, or use "
                "fetch()"
            )
        return url.href


def _audience_url(text: str, parse: ParseUrl) -> Url:
    if not isinstance(text, str):
        raise TypeError(f"an audience is a URL as text, not {type(text).__name__}")
    if not text or any(c in text for c in "?#@\\"):
        raise ValueError(f"an audience is a URL without query, fragment or user name, not {text!r}")
    check_no_host("an audience", text)
    if not re.search(r"[/\\.]", text):
        word = text.strip(_CONTROLS)
        raise ValueError(f"an audience {word!r} may mean a host or a folder: write 'https://{word}/' or './{word}/'")
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"an audience is an absolute http(s) URL here, not {text!r}: {error}") from None


def _host(url: Url) -> str:
    """The host without its port. All names of this machine are one."""
    host = _PORT.sub("", url.origin.partition("://")[2])
    return "localhost" if host in ("127.0.0.1", "[::1]") else host


def check_no_host(name: str, text: str) -> None:
    """Raises ValueError for a URL that begins with a host. `name` says what it is.

    To a browser `localhost:` is a scheme, and `127.0.0.1:8000` and `api.example` are folders of the page.
    """
    text = text.strip(_CONTROLS)
    first = re.split(r"[/\\]", text, maxsplit=1)[0].lower()
    if first.startswith(".") or first.removesuffix(":") in _DEFAULT_PORTS:
        return
    if first == "localhost" or "." in first or ":" in first:
        raise ValueError(
            f"{name} on another host begins with https:// or http://, which {text!r} does not; a folder of this page "
            "begins with ./"
        )


def _climbs(path: str) -> bool:
    """Would a server leave the audience that resolves `..` after it has decoded the path, once or more often?

    Also one that drops what follows a `;`, a NUL or a space (`..;/` to Tomcat), or reads UTF-8 that is longer than it
    need be. What isn't plain after a few decodings is meant to deceive.
    """
    if "%" not in path and ".." not in path:
        return False
    for _ in range(_DECODINGS):
        plain = unquote(_ENCODED_PERCENT.sub("%", path))
        if _OVERLONG.search(path) or _DOTS.search(plain):
            return True
        if plain == path:
            return False
        path = plain
    return True
