"""Thousands of random programs against the model server. `REISSUE_PROGRAMS=100000` runs more, with other seeds."""

import os

import reissue
from hypothesis import HealthCheck, given, settings

from tests.simulation.program import PROGRAMS, Step, run

PROGRAM_COUNT = int(os.environ.get("REISSUE_PROGRAMS", "0"))


@settings(
    max_examples=PROGRAM_COUNT or 3000,
    derandomize=not PROGRAM_COUNT,  # the same programs in every run of the suite
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(PROGRAMS)
def test_the_invariants_hold_of_every_program(program: list[Step]) -> None:
    run(reissue, program)
