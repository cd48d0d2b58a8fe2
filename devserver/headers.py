"""The headers that every answer carries, the content security policy among them."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devserver.settings import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    # 'wasm-unsafe-eval': Pyodide is WebAssembly. Not 'unsafe-eval': PyScript calls Function(...) for the hooks of
    # workers only, and app/boot.js removes those.
    "script-src 'self' 'wasm-unsafe-eval'; "
    # No text becomes markup: PyScript runs inserted markup as Python, and `script-src` does not prevent that.
    "require-trusted-types-for 'script'; trusted-types 'none'; "
    "style-src 'self'; "
    "connect-src 'self'{origins}; "
    "img-src 'self' data:; "
    "font-src 'self'; "
    "manifest-src 'self'; "
    "worker-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def security_headers(settings: Settings) -> dict[str, str]:
    """What every answer carries."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(
            origins="".join(f" {origin}" for origin in settings.allow_origin)
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    if settings.isolated:  # with the opener policy above: SharedArrayBuffer, and workers that may block
        headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    return headers


class FixedHeaders:
    """ASGI middleware: puts the same headers on every answer."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)
