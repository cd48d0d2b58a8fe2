"""A few thousand random programs against the model server, the same ones each time; `make simulate` runs others."""

from collections.abc import Callable

import pytest
import reissue

from tests.simulation.program import Program, Step, bound, further, many_tabs, one_tab, reduced, strangers
from tests.simulation.run import run
from tests.simulation.tab import Violation


@pytest.mark.parametrize("seed", range(50))
def test_the_same_program_gives_the_same_run(seed: int) -> None:
    assert run(reissue, one_tab(seed)).trace == run(reissue, one_tab(seed)).trace


@pytest.mark.parametrize("kind", [many_tabs, further, bound, strangers])
@pytest.mark.parametrize("seed", range(20))
def test_the_same_program_of_other_kinds_gives_the_same_run(seed: int, kind: Callable[[int], Program]) -> None:
    assert run(reissue, kind(seed)).trace == run(reissue, kind(seed)).trace


def test_a_program_that_fails_is_made_smaller() -> None:
    steps = (Step("wake"), Step("fetch"), Step("revoke"), Step("wake"), Step("renew"))
    program = Program(steps, seed=3, opaque=True, tabs=2)

    def fails(program: Program) -> bool:
        return program.opaque and {"fetch", "renew"} <= {step.does for step in program.steps}

    assert reduced(program, fails) == Program((Step("fetch"), Step("renew")), opaque=True, tabs=2)


def test_a_seed_changes_the_order() -> None:
    steps = (Step("fetch", number=4), Step("revoke"), Step("renew"), Step("fetch", number=4))
    traces = [run(reissue, Program(steps, seed=seed)).trace for seed in range(10)]
    assert any(trace != traces[0] for trace in traces)


def test_a_violation_says_how_to_run_it_again() -> None:
    program = Program((Step("no such thing", number=2),), seed=7)
    with pytest.raises(Violation) as violation:
        run(reissue, program)
    text = str(violation.value).partition('PROGRAM="')[2].removesuffix('"')
    assert eval(text, {"Program": Program, "Step": Step}) == program


def run_hundred(kind: Callable[[int], Program], part: int) -> None:
    for seed in range(100 * part, 100 * (part + 1)):
        run(reissue, kind(seed))


@pytest.mark.parametrize("part", range(20))
def test_the_invariants_hold_of_one_tab(part: int) -> None:
    run_hundred(one_tab, part)


@pytest.mark.parametrize("part", range(5))
def test_the_invariants_hold_of_step_ups_and_of_another_api(part: int) -> None:
    run_hundred(further, part)


@pytest.mark.parametrize("part", range(10))
def test_the_invariants_hold_over_all_tabs(part: int) -> None:
    run_hundred(many_tabs, part)


@pytest.mark.parametrize("part", range(7))
def test_the_invariants_hold_of_tokens_that_are_bound_to_a_key(part: int) -> None:
    run_hundred(bound, part)


@pytest.mark.parametrize("part", range(6))
def test_the_invariants_hold_at_servers_and_among_scripts_that_are_strangers(part: int) -> None:
    run_hundred(strangers, part)
