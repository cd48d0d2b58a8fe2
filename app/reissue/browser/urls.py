"""URLs as this browser parses them."""

from js import URL, document
from pyodide.ffi import JsException

from ..urls import Url


def parse_page_url(text: str) -> Url:
    """A URL, relative ones against the page. Raises ValueError for what is none, isn't http(s), or names a user.

    fetch refuses URLs with a user name or password (Fetch standard, `Request` constructor).
    """
    try:
        url = URL.new(text, document.baseURI)
    except JsException:
        raise ValueError("the browser can't parse this URL") from None
    if url.protocol not in ("http:", "https:"):
        raise ValueError("not an http(s) URL")
    if url.username or url.password:
        raise ValueError("the URL names a user")
    return Url(url.href, url.origin, url.pathname)
