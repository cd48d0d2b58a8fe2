"""The browser's two stores for text that outlives a page."""

from typing import Any

import js
from pyodide.ffi import JsException


class PageStore:
    """One item of `localStorage` (all pages of the origin, until removed) or `sessionStorage` (one tab, until closed).

    Any script of the origin can read it. Raises OSError if it is full, or forbidden by the user's settings.
    """

    def __init__(self, area: str, name: str) -> None:
        self.area = area
        self.own = area == "sessionStorage"
        self._key = f"reissue:{name}"

    def read(self) -> str | None:
        """What was written last."""
        try:
            text = self._storage().getItem(self._key)
        except JsException as error:
            raise OSError(f"the browser's {self.area} can't be read: {error.name}") from None  # its text is not quoted
        return text if isinstance(text, str) else None

    def write(self, text: str | None) -> None:
        """Store this; None removes the item."""
        try:
            if text is None:
                self._storage().removeItem(self._key)
            else:
                self._storage().setItem(self._key, text)
        except JsException as error:
            raise OSError(f"the browser's {self.area} can't be written: {error.name}") from None

    def _storage(self) -> Any:
        storage = getattr(js, self.area, None)  # reading the attribute may raise, where it is forbidden
        if storage is None:
            raise OSError(f"there is no {self.area} here")
        return storage
