"""docs/contract.md says what the tests hold, and every id of the contract has its test."""

from tests.contract import DOCUMENT, IDS, NOT_HELD_YET, NamedTest, all_tests, document, read_contract

HOLDS_Q1 = NamedTest("tests/test_a.py", "test_one_refresh", "Q1: One refresh.\n\nSeen in: a/b#1, #2, c")
ABOUT_Q1 = NamedTest("tests/test_a.py", "test_more_of_it", "Q1, F2: some more of it.")


def wrong_with(*tests: NamedTest, not_held_yet: tuple[str, ...] = ()) -> list[str]:
    return read_contract(tests, ids=("Q1", "F2"), not_held_yet=frozenset(not_held_yet))[1]


def test_every_sentence_of_the_contract_is_held_by_one_test() -> None:
    _, wrong = read_contract(all_tests())
    assert wrong == []


def test_the_document_is_what_the_tests_say() -> None:
    tests = all_tests()
    held, _ = read_contract(tests)
    text = DOCUMENT.read_text("utf-8")
    assert text == document(held, tests), "run `make contract`"
    assert [id for id in IDS if f"\n| {id} | " not in text] == [id for id in IDS if id in NOT_HELD_YET]


def test_an_id_without_a_test_is_told_unless_it_is_listed_as_not_held_yet() -> None:
    assert wrong_with(HOLDS_Q1) == ["F2 is held by no test"]
    assert wrong_with(HOLDS_Q1, ABOUT_Q1) == ["F2 is held by no test"], "to be about a sentence is not to hold it"
    assert wrong_with(HOLDS_Q1, not_held_yet=("F2",)) == []


def test_an_id_that_is_held_leaves_the_list() -> None:
    assert wrong_with(HOLDS_Q1, not_held_yet=("Q1", "F2")) == ["Q1 is held by now: it leaves NOT_HELD_YET"]


def test_two_holders_an_unknown_id_and_a_docstring_that_misses_a_part_are_told() -> None:
    def told(name: str, docstring: str) -> list[str]:
        return wrong_with(HOLDS_Q1, NamedTest("t.py", name, docstring), not_held_yet=("F2",))

    assert told("test_x", "Q1: Again.\n\nSeen in: a/b#3") == ["Q1 is held twice: by test_one_refresh and test_x"]
    assert told("test_x", "Q7: of another contract") == ["test_x: there is no Q7 in the contract"]
    for docstring in (
        "F2\n\nSeen in: a/b#3",
        "F2: Two.\n\nSeen in:",
        "Seen in: a/b#3",
        "Q1, F2: Both.\n\nSeen in: a#3",
    ):
        assert told("test_x", docstring) == [
            "test_x: a test with a source says 'Q1: <one sentence>.' first, for one id"
        ]
    assert "test_x: its sentence has no end" in told("test_x", "F2: no end\n\nSeen in: a/b#3")


def test_a_line_has_the_sentence_the_places_and_every_test() -> None:
    tests = [HOLDS_Q1, ABOUT_Q1]
    held, _ = read_contract(tests)
    (line,) = [line for line in document(held, tests).splitlines() if line.startswith("| Q1 |")]
    assert line == (
        "| Q1 | One refresh. | [a/b#1](https://github.com/a/b/issues/1), [#2](https://github.com/a/b/issues/2), c"
        " | **[one refresh](../tests/test_a.py)**<br>[more of it](../tests/test_a.py) |"
    )
