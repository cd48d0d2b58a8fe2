"""The simulator bites: it catches every bug of a list that such libraries have had."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyFailure

from tests.simulation.mutants import MUTANTS, Mutant, mutated
from tests.simulation.program import ONE_TAB, Program, many_tabs
from tests.simulation.run import run
from tests.simulation.tab import Violation


@pytest.mark.filterwarnings("ignore")  # mutants leave tasks behind
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulator_catches(mutant: Mutant, tmp_path: Path) -> None:
    with mutated(mutant, tmp_path) as reissue:

        @settings(
            max_examples=3000,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # the first violation will do: none is made smaller
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(ONE_TAB)
        def simulate(program: Program) -> None:
            run(reissue, program)

        def simulate_tabs() -> None:
            for seed in range(1500):
                run(reissue, many_tabs(seed))

        # Flaky: what the garbage collector brings to light, it does not bring twice.
        with pytest.raises((Violation, FlakyFailure)):
            simulate_tabs() if mutant.tabs else simulate()
