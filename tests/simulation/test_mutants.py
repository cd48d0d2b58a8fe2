"""The simulator bites: it catches every bug of a list that such libraries have had."""

import gc
from itertools import chain
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, mutated
from tests.simulation.program import bound, further, many_tabs, one_tab, strangers
from tests.simulation.run import run
from tests.simulation.tab import Violation


@pytest.mark.filterwarnings("ignore")  # mutants leave tasks behind
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulator_catches(mutant: Mutant, tmp_path: Path) -> None:
    kinds = (
        (strangers, mutant.strangers),
        (bound, mutant.bound),
        (further, mutant.further),
        (many_tabs, mutant.many_tabs),
        (one_tab, mutant.one_tab),
    )
    program, known = next((kind, seeds) for kind, seeds in kinds if seeds)

    def simulate() -> None:
        # What has caught it until now comes first. The core may have changed since: then another may.
        for seed in chain(known, range(3000)):
            run(reissue, program(seed))

    with mutated(mutant, tmp_path) as reissue, pytest.raises(Violation):
        simulate()
    gc.collect()  # here, where its warnings are expected, and not in whichever test comes next
