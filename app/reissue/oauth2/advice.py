"""What the app's author may have to change, judged by a refusal: a sentence for the message of the error.

Pure. It quotes names of fields only, never a value: a server may quote the password that it was sent.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ..errors import GrantRefused
from ..http.json_text import json_value
from ..http.messages import Request
from ..http.urls import ParseUrl

NO_REFRESH: Final = "This endpoint renews no tokens (refresh=None), so a session lasts as long as its access token"

NO_TOKEN: Final = (
    "The page holds no refresh token, and no cookie stands for one (cookie=False): does the answer to the sign-in have "
    "a refresh token, under the name that names= gives it?"
)

_FORM: Final = "x-www-form-urlencoded"
_WANTS_FORM: Final = "The fields were sent as JSON, and the server may want a form: Endpoint(…, encoding='form')"
_WANTS_JSON: Final = "The fields were sent as a form, and the server may want JSON: Endpoint(…, encoding='json')"
_OF_NO_FORM: Final = ("invalid_request", "unsupported_grant_type")  # RFC 6749 section 5.2, to a body that is no form
_NAME: Final = re.compile(r"[A-Za-z]{1,20}(?:_[A-Za-z]{1,20}){0,3}")  # no token may pass for a name
_MISSING: Final = [(place, "missing") for place in ("body", "query", "header", "cookie")]


def about_fields(refusal: GrantRefused, request: Request) -> str | None:
    """What is wrong with the fields of a request that was refused; None if nothing can be said.

    FastAPI names the places of missing fields in a 422, and Django REST framework their names in a 400.
    """
    is_form = _FORM in request.headers.get("Content-Type", "")
    sent = _sent(request.body, is_form=is_form)
    for place, name in _missing(refusal.body):
        if name is None:
            return _WANTS_JSON if is_form else None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        if name in sent and place == "body":
            return None if is_form else f"The server found no field {name!r}. {_WANTS_FORM}"
        if name.lower() not in map(str.lower, sent.values()):  # not what a user typed
            return f"The server wants a field {name!r} in the {place}, which was not sent"
    if refusal.status == 415:
        return _WANTS_JSON if is_form else _WANTS_FORM
    return _WANTS_FORM if refusal.error in _OF_NO_FORM and not is_form and sent else None


def about_cookie(url: str, *, credentials: str, parse: ParseUrl) -> str | None:
    """Why the browser may have sent no cookie to `url`; None if nothing can be said. `credentials` is fetch's setting.

    `parse` reads a URL, in a page also one that is relative to the page.
    """
    if credentials == "omit":
        return "The browser sent no cookie, because of Endpoint(…, credentials='omit')"
    if not is_elsewhere(url, parse):
        return None
    if credentials == "same-origin":
        return (
            "The browser sent no cookie, since the endpoint is on another origin than the page: "
            "Endpoint(…, credentials='include'), or cookie=False if the server sets no cookie"
        )
    if _is_same_site(url, parse):
        return None
    return (
        "The browser may have sent no cookie, since the endpoint is on another origin than the page: to another site, "
        "it sends only a cookie with SameSite=None and Secure, and some browsers send none at all"
    )


def is_elsewhere(url: str, parse: ParseUrl) -> bool:
    """Is `url` on another origin than the page? False if there is no page. `parse` is that of `about_cookie`."""
    try:
        return parse("/").origin != parse(url).origin
    except ValueError:
        return False


def _is_same_site(url: str, parse: ParseUrl) -> bool:
    """Is `url` surely of the page's site: on the page's own host, or on one below it? Cookies know no port.

    Two hosts beside each other may be of one site, too. Only the list of public suffixes could tell.
    """
    page, other = urlsplit(parse("/").origin), urlsplit(parse(url).origin)
    return page.scheme == other.scheme and f".{other.hostname}".endswith(f".{page.hostname}")


def _sent(body: Any, *, is_form: bool) -> dict[str, str]:
    """The fields that were sent, as text."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    fields = dict(parse_qsl(text)) if is_form else json_value(text)
    return {str(name): str(value) for name, value in fields.items()} if isinstance(fields, dict) else {}


def _missing(body: Any) -> Iterator[tuple[str, Any]]:
    """Where a field is missing, and its name; the name is None if the body as a whole was not understood."""
    if not isinstance(body, dict):
        return
    detail = body.get("detail")
    for fault in detail if isinstance(detail, list) else []:
        place = fault.get("loc") if isinstance(fault, dict) else None
        if place == ["body"]:
            yield "body", None
        elif isinstance(place, list) and len(place) > 1 and (place[0], fault.get("type")) in _MISSING:
            yield place[0], place[-1]
    for name, faults in body.items():
        if isinstance(faults, list) and faults[:1] == ["This field is required."]:
            yield "body", name
