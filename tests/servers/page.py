"""`serve.py` with the blank pages of the browser's tests among its files.

Elsewhere Playwright gives them, but what a redirect leads to passes its routes by. OPENER_POLICY, in the environment,
is their Cross-Origin-Opener-Policy; with WORKERS they may have workers of their own.
"""

import os
import sys
from pathlib import Path
from unittest.mock import patch

from starlette.routing import Mount

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

import serve  # noqa: E402
from devserver.app import Application, create_app  # noqa: E402
from devserver.files import Files  # noqa: E402
from devserver.settings import Settings  # noqa: E402


def with_blank_pages(settings: Settings) -> Application:
    app = create_app(settings)
    app.headers["Cross-Origin-Opener-Policy"] = os.environ.get("OPENER_POLICY", "same-origin")
    if "WORKERS" in os.environ:
        policy = app.headers["Content-Security-Policy"].replace("worker-src 'none'", "worker-src 'self'")
        app.headers["Content-Security-Policy"] = policy.replace("require-trusted-types-for 'script'; ", "")
    app.router.routes.append(Mount("/", Files(ROOT / "tests" / "browser" / "pages")))
    return app


if __name__ == "__main__":
    with patch.object(serve, "create_app", with_blank_pages):
        serve.main()
