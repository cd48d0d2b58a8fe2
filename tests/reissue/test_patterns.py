"""No regular expression of the library takes more than its share of time, whatever text it meets."""

import re
from pathlib import Path

import pytest

from tests.reissue.regex_steps import MANY, Matcher, Pattern, patterns_of

LIBRARY = Path(__file__).resolve().parents[2] / "app" / "reissue"
MODULES = {path.relative_to(LIBRARY).with_suffix("").as_posix(): path for path in sorted(LIBRARY.rglob("*.py"))}
PATTERNS = [pattern for name, path in MODULES.items() for pattern in patterns_of(path, name)]
SHORT, LONG = 24, 96


def takes_too_long(pattern: Pattern) -> bool:
    """Does any text that is four times as long take more than six times the work?"""
    matcher = Matcher(pattern)
    pairs = zip(matcher.texts(SHORT), matcher.texts(LONG), strict=True)
    works = ((matcher.work(long), matcher.work(short)) for short, long in pairs)
    return any(long > MANY or long > 6 * (short + 8) for long, short in works)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.module)
def test_a_text_that_is_four_times_as_long_takes_four_times_the_work(pattern: Pattern) -> None:
    """X11: Reading a header field, a URL or any other text takes work in proportion to its length.

    Seen in: requests/requests-kerberos#145, mwarkentin/django-watchman#213
    """
    assert not takes_too_long(pattern)


def test_every_module_that_uses_patterns_is_looked_at() -> None:
    """X11: a pattern that is made elsewhere than where it stands would escape."""
    uses = {
        name for name, path in MODULES.items() if re.search(r"^import re$|^from re ", path.read_text(), re.MULTILINE)
    }
    assert uses == {pattern.module for pattern in PATTERNS}
    assert len(PATTERNS) > 20


@pytest.mark.parametrize(
    "text",
    [
        r'(?:[^",]|"(?:[^"\\]|\\.)*")+',  # what read WWW-Authenticate
        r"(\w+)=",
        r"\s+$",
        r"(a|a)*b",
        r"(?:a+)+b",
        r"a*?b",
        r"[a-z]*[a-z0-9]*!",
    ],
)
def test_a_pattern_that_takes_too_long_is_seen(text: str) -> None:
    """X11: by growth, not by time."""
    assert takes_too_long(Pattern("", text, re.DOTALL, anchored=False))


@pytest.mark.parametrize(
    ("text", "string", "anchored"),
    [(r"a+b", "aaab", True), (r"a*+b", "aaab", True), (r"(?:ab|a)*c", "ababac", True), (r"(?>a|ab)c", "abc", True)],
)
def test_the_counting_matcher_finds_what_re_finds(text: str, string: str, anchored: bool) -> None:
    """Else its counts would be of something else."""
    matcher = Matcher(Pattern("", text, 0, anchored))
    ends = list(matcher.ends(matcher.items.data, string, 0))
    assert (len(string) in ends) == bool(re.fullmatch(text, string))
