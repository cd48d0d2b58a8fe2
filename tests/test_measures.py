"""What keeps the library's files and classes small enough to be read."""

from tests import measures

MOST_FLAT_MODULES = 10
MOST_LINES = 300
MANY_LINES, MOST_LONG_FILES = 250, 3
MOST_METHODS = 20
MOST_ATTRIBUTES = 12
MOST_PARAMETERS = 7
"""The goals. A file's lines are counted without its docstrings, a constructor's parameters without `self`."""


def over(sizes: dict[str, int], most: int) -> dict[str, int]:
    """Those that are larger, so that a failure names them."""
    return {name: size for name, size in sizes.items() if size > most}


def test_few_files_lie_beside_the_folders() -> None:
    assert measures.flat_modules() <= MOST_FLAT_MODULES


def test_no_file_is_long_and_few_come_close() -> None:
    lengths = measures.lengths()
    assert over(lengths, MOST_LINES) == {}
    close = over(lengths, MANY_LINES)
    assert len(close) <= MOST_LONG_FILES, close


def test_no_class_has_many_methods() -> None:
    assert over({name: measures.methods(node) for name, node in measures.classes()}, MOST_METHODS) == {}


def test_no_class_has_many_attributes() -> None:
    assert over({name: measures.attributes(node) for name, node in measures.classes()}, MOST_ATTRIBUTES) == {}


def test_no_constructor_has_many_parameters_unless_it_is_public() -> None:
    private = {name: node for name, node in measures.classes() if node.name not in measures.PUBLIC_CONSTRUCTORS}
    assert over({name: measures.parameters(node) for name, node in private.items()}, MOST_PARAMETERS) == {}


def test_no_function_of_the_core_passes_on_options_without_a_type() -> None:
    assert measures.untyped_options() == []
