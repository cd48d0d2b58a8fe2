"""The page's sentences, in its language. `app/main.py` fills `words` before it shows anything."""

from typing import Any

words: dict[str, str] = {}


def say(key: str, **values: Any) -> str:
    """A sentence of the page's language."""
    return words[key].format(**values)


def many(what: str, count: int) -> str:
    """A number of things, in words: `1 refresh`."""
    return say(f"count.{what}.{'one' if count == 1 else 'other'}", count=count)
