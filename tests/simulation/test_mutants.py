"""The simulator bites: it catches every bug of a list that such libraries have had."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.simulation.mutants import MUTANTS, Mutant, mutated
from tests.simulation.program import PROGRAMS, Step, Violation, run


@pytest.mark.filterwarnings("ignore")  # mutants leave tasks behind
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulator_catches(mutant: Mutant, tmp_path: Path) -> None:
    with mutated(mutant, tmp_path) as reissue:

        @settings(
            max_examples=3000,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(PROGRAMS)
        def simulate(program: list[Step]) -> None:
            run(reissue, program)

        with pytest.raises((Violation, ExceptionGroup)):
            simulate()
