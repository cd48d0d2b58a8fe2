"""What README says in prose; `tests/documents.py` says who runs its code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
IN_THE_PAGE = (ROOT / "app" / "reissue" / "browser" / "page.py").read_text(encoding="utf-8")


def test_every_public_name_of_the_readme_exists() -> None:
    import reissue

    members = re.findall(r"`(?:await )?(?:async for event in )?api\.(\w+)", README)
    assert len(set(members)) >= 12
    missing = [name for name in members if not hasattr(reissue.Interceptor, name)]
    assert [name for name in missing if f" def {name}(" not in IN_THE_PAGE] == []
