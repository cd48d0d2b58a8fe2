"""`serve.py` with the blank pages of the browser's tests among its files.

Elsewhere Playwright gives them, but what a redirect leads to passes its routes by.
"""

import sys
from pathlib import Path

from starlette.routing import Mount

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

import serve  # noqa: E402

create_app = serve.create_app


def with_blank_pages(settings: serve.Settings) -> serve.Application:
    app = create_app(settings)
    app.router.routes.append(Mount("/", serve.Files(ROOT / "tests" / "browser" / "pages")))
    return app


if __name__ == "__main__":
    serve.create_app = with_blank_pages
    serve.main()
