"""Values of a token as text: nothing hides in it, and what is cut off was never written."""

from collections.abc import Iterator

from reissue.inspector.token.display_text import compared, shown, visible


def test_a_value_is_shown_as_json_without_signs_that_hide() -> None:
    assert shown("a\u202eb\x00\ud800 é 한") == '"a\\u202eb\\u0000\\ud800 é 한"'
    assert shown({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
    assert shown([]) == "[]"
    assert visible("x" * 30, 10) == "x" * 10 + "…"


class Counted(list[int]):
    """A list that counts what is taken from it."""

    taken = 0

    def __iter__(self) -> Iterator[int]:
        for item in super().__iter__():
            self.taken += 1
            yield item


def test_what_is_cut_off_a_value_is_not_written_first() -> None:
    value = Counted(range(30_000))
    assert shown([value], longest=80).endswith("…")
    assert value.taken < 80


def test_what_differs_is_a_piece_of_its_own() -> None:
    assert compared("abXXcY", "abcdcd") == [("ab", False), ("XX", True), ("c", False), ("Y", True)]
    assert compared("same", "same") == [("same", False)]
    assert compared("longer", "long") == [("longer", False)]
    assert compared("", "") == []
