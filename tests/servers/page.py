"""`tests/blank_pages.py` with other headers, for all its files.

OPENER_POLICY, in the environment, is their Cross-Origin-Opener-Policy; with WORKERS pages may have workers.
"""

import os
import sys
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

import serve  # noqa: E402
from devserver.settings import Settings  # noqa: E402
from tests.blank_pages import CSP, BlankPages  # noqa: E402


def with_other_headers(settings: Settings) -> BlankPages:
    pages = BlankPages(settings)
    pages.headers["Cross-Origin-Opener-Policy"] = os.environ.get("OPENER_POLICY", "same-origin")
    if "WORKERS" in os.environ:
        policy = pages.headers[CSP].replace("worker-src 'none'", "worker-src 'self'")
        pages.headers[CSP] = policy.replace("require-trusted-types-for 'script'; ", "")
    return pages


if __name__ == "__main__":
    with patch.object(serve, "create_app", with_other_headers):
        serve.main()
