"""The simulator bites: it catches every bug of a list that such libraries have had."""

import gc
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
import reissue

from tests.simulation.mutants import MUTANTS, Mutant, mutated
from tests.simulation.program import Program, bound, further, many_tabs, one_tab, strangers
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

    def simulate(core: ModuleType) -> Program:
        # What has caught it until now comes first. The core may have changed since: then another may.
        for simulated in map(program, chain(known, range(3000))):
            try:
                run(core, simulated)
            except Violation:
                return simulated
        raise AssertionError("no program has caught it")

    with mutated(mutant, tmp_path) as core:
        caught_by = simulate(core)
    run(reissue, caught_by)  # the fault alone is to blame, and not the simulator's own
    gc.collect()  # here, where its warnings are expected, and not in whichever test comes next
