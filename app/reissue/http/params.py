"""The query of a URL, from `params=`."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote


def with_params(url: str, params: Any) -> str:
    """The URL with these parameters at the end of its query.

    `params` is a mapping, an iterable of pairs, or a query as text. A value is text, a number, a bool ("true",
    "false"), None (the parameter is left out), or a list or tuple of these (the parameter is repeated). Names and
    values are encoded as UTF-8 and percent-encoded, a space as `%20`. Raises TypeError for anything else.
    """
    query = params.removeprefix("?") if isinstance(params, str) else "&".join(_encoded(params))
    if not query:
        return url
    before, hash_mark, fragment = url.partition("#")
    separator = "" if before.endswith(("?", "&")) else "&" if "?" in before else "?"
    return f"{before}{separator}{query}{hash_mark}{fragment}"


def _encoded(params: Any) -> Iterable[str]:
    if isinstance(params, bytes) or not isinstance(params, Iterable):
        raise TypeError(f"params are a mapping, pairs or text, not {type(params).__name__}")
    for pair in params.items() if isinstance(params, Mapping) else params:
        if isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise TypeError("params given as a sequence are pairs of a name and a value")
        name, value = pair
        if not isinstance(name, str):
            raise TypeError(f"the name of a parameter is text, not {type(name).__name__}")
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                yield f"{quote(name, safe='')}={quote(_text(name, one), safe='')}"


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError(f"params[{name!r}] is text, a number, a bool, None or a list of these, not {type(value).__name__}")
