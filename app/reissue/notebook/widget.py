"""The widget to sign in by, made of anywidget: Jupyter, JupyterLite, marimo and others show it.

anywidget is the notebook's own package: this library does not install it, and only imports it for the widget.
"""

from collections.abc import Iterable
from functools import cache
from pkgutil import get_data
from typing import TYPE_CHECKING, Any

from ..errors import ReissueError
from .sign_in import SignIn

if TYPE_CHECKING:
    from ..interceptor import Interceptor


def sign_in_widget(api: "Interceptor", *, fields: Iterable[str]) -> Any:
    """What `reissue.sign_in_widget` returns."""
    return _widget_class()(api, fields)


@cache
def _widget_class() -> Any:
    try:
        import anywidget
    except ImportError as error:
        raise ReissueError("sign_in_widget() needs anywidget: run `%pip install anywidget` in a cell") from error

    class SignInWidget(anywidget.AnyWidget):  # type: ignore[misc]
        """A button or a form, the state, and the user. It has no traits of its own: they would be saved."""

        _esm = (get_data("reissue.notebook", "widget.js") or b"").decode()
        _css = (get_data("reissue.notebook", "widget.css") or b"").decode()

        def __init__(self, api: "Interceptor", fields: Iterable[str]) -> None:
            super().__init__()
            self._sign_in = SignIn(api, self.send, fields=fields)
            self.on_msg(lambda _, message, __: self._sign_in.receive(message))

        def close(self) -> None:
            """Remove the widget. The client and its session go on."""
            self._sign_in.close()
            super().close()

    return SignInWidget
