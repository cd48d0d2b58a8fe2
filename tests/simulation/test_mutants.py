"""The simulator bites: it catches every bug of a list that such libraries have had."""

from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, mutated
from tests.simulation.program import many_tabs, one_tab
from tests.simulation.run import run
from tests.simulation.tab import Violation


@pytest.mark.filterwarnings("ignore")  # mutants leave tasks behind
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulator_catches(mutant: Mutant, tmp_path: Path) -> None:
    program, seeds = (many_tabs, 4000) if mutant.tabs else (one_tab, 2000)

    def simulate() -> None:
        for seed in range(seeds):
            run(reissue, program(seed))

    with mutated(mutant, tmp_path) as reissue, pytest.raises(Violation):
        simulate()
