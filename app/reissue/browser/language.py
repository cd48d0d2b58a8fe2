"""The language that the browser's user reads."""

import js


def preferred_language() -> str:
    """The tag (BCP 47) of the browser's own language; empty if it has none."""
    return str(js.navigator.language or "")
