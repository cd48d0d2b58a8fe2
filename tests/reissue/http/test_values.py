"""Values: frozen dataclasses that share their methods."""

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar, get_type_hints

import pytest
from reissue.http.values import Value

Item = TypeVar("Item")


class Place(Value):
    """A point with a secret."""

    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list, kw_only=True)
    secret: str = field(default="s3cret", repr=False, kw_only=True)


class Named(Value, kw_only=True):
    """Takes its fields by name."""

    name: str
    size: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a name is not empty")


class Further(Named):
    """Adds no field."""

    note: str = "a class attribute"


class Own(Value):
    """Has a constructor of its own."""

    size: int

    def __init__(self, size: str) -> None:
        super().__init__(int(size))


def test_fields_are_given_by_place_or_by_name_and_have_defaults() -> None:
    place = Place(1)
    assert (place.x, place.y, place.tags, place.secret) == (1, 2, [], "s3cret")
    assert Place(1, 3, tags=["a"]).tags == ["a"]
    assert Place(y=3, x=1).y == 3
    assert place.tags is not Place(1).tags, "made for each value"


@pytest.mark.parametrize(
    ("arguments", "named", "given"),
    [
        ((), {}, "nothing"),
        ((), {"y": 1}, "y"),
        ((1,), {"z": 1}, "a value without a name, z"),
        ((1,), {"x": 1}, "a value without a name, x"),
        ((1, 2, []), {}, "a value without a name, a value without a name, a value without a name"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    arguments: tuple[object, ...], named: dict[str, int], given: str
) -> None:
    with pytest.raises(TypeError) as raised:
        Place(*arguments, **named)  # type: ignore[arg-type]
    assert str(raised.value) == f"Place takes x, y=…, tags=…, secret=…, and was given {given}"


def test_fields_by_name_only_have_no_place() -> None:
    assert Named(name="a").size == 0
    with pytest.raises(TypeError):
        Named("a")  # type: ignore[call-arg]


def test_a_class_may_check_its_fields() -> None:
    with pytest.raises(ValueError, match="not empty"):
        Named(name="")


def test_nothing_can_be_changed() -> None:
    place = Place(1)
    with pytest.raises(FrozenInstanceError):
        place.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del place.x
    assert place.x == 1


def test_values_of_one_class_are_equal_if_their_fields_are() -> None:
    assert Named(name="a") == Named(size=0, name="a") != Named(name="b")
    assert Named(name="a") != Further(name="a")
    assert Named(name="a") != "a"
    assert hash(Named(name="a")) == hash(Named(size=0, name="a"))


def test_what_is_kept_out_of_the_text_is_not_shown() -> None:
    assert repr(Place(1, tags=["a"])) == "Place(x=1, y=2, tags=['a'])"


def test_it_is_a_dataclass() -> None:
    named = Named(name="a")
    assert is_dataclass(named)
    assert [each.name for each in fields(named)] == ["name", "size"]
    assert asdict(named) == {"name": "a", "size": 0}
    assert replace(named, size=3) == Named(name="a", size=3)
    assert Place.__match_args__ == ("x", "y")
    match Place(1, 4):
        case Place(x, y):
            assert (x, y) == (1, 4)


def test_it_can_be_copied_and_pickled() -> None:
    named = Named(name="a", size=3)
    assert copy.copy(named) == copy.deepcopy(named) == pickle.loads(pickle.dumps(named)) == named


def test_a_further_class_adds_no_field() -> None:
    assert [each.name for each in fields(Further(name="a"))] == ["name", "size"]
    assert isinstance(Further(name="a"), Named)


def test_help_shows_the_fields() -> None:
    assert str(inspect.signature(Place)) == (
        "(x: int, y: int = 2, *, tags: list[str] = <class 'list'>, secret: str = 's3cret')"
    )
    assert list(inspect.signature(Own).parameters) == ["size"]


def test_a_further_class_that_is_a_dataclass_itself_has_fields_of_its_own() -> None:
    """As a frozen dataclass may have. `slots=True` stores all fields in slots, not in `__dict__`."""

    @dataclass(frozen=True)
    class Sized(Place):
        depth: int = 0

    @dataclass(frozen=True, slots=True, repr=False, eq=False)
    class Slotted(Place):
        depth: int = 0

    for cls in (Sized, Slotted):
        assert cls(1, depth=3) == replace(cls(1), depth=3) != cls(1, depth=4)
        assert repr(cls(1, depth=3)).endswith("(x=1, y=2, tags=[], depth=3)")
        with pytest.raises(FrozenInstanceError):
            cls(1).depth = 2  # type: ignore[misc]
        assert list(inspect.signature(cls).parameters) == ["x", "y", "depth", "tags", "secret"]
    with pytest.raises(TypeError, match="frozen"):
        dataclass(type("Changeable", (Place,), {}))


def test_another_base_hears_of_a_further_class() -> None:
    heard: list[tuple[str, str]] = []

    class Listens:
        def __init_subclass__(cls, *, name: str, **others: object) -> None:
            super().__init_subclass__(**others)
            heard.append((cls.__name__, name))

    class Both(Named, Listens, name="both"):
        pass

    class Typed(Named, Generic[Item]):
        pass

    assert heard == [("Both", "both")]
    assert Typed[int](name="a").name == "a"


def test_only_fields_count_for_equality() -> None:
    class Remembers(Named):
        @cached_property
        def loud(self) -> str:
            return self.name.upper()

    one, other = Remembers(name="a"), Remembers(name="a")
    assert one.loud == "A"
    assert one == other


class Noted(Value):
    """Has a field that doesn't count."""

    name: str
    note: list[str] = field(default_factory=list, compare=False)


def test_a_field_may_be_left_out_of_equality() -> None:
    assert Noted("a", ["b"]) == Noted("a")
    assert hash(Noted("a", ["b"])) == hash(Noted("a"))


def test_its_types_are_those_of_its_fields() -> None:
    assert get_type_hints(Named) == {"name": str, "size": int}


def test_a_value_that_can_be_called_shows_the_signature_of_the_call() -> None:
    class Callable(Named):
        def __call__(self, factor: int) -> int:
            return self.size * factor

    assert list(inspect.signature(Callable(name="a")).parameters) == ["factor"]
