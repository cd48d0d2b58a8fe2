"""README's code is run as it stands; its first example, which needs a page, in tests/browser."""

import re
from pathlib import Path

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_of_a_test_runs_as_it_stands() -> None:
    (example,) = (code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "asyncio.run" in code)
    assert "asyncio.run(main())" in example
    exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})


def test_every_public_name_of_the_readme_exists() -> None:
    import reissue

    members = re.findall(r"`(?:await )?(?:async for event in )?api\.(\w+)", README)
    assert len(set(members)) >= 12
    assert [name for name in members if not hasattr(reissue.Interceptor, name)] == []
