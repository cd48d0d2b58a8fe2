"""Simulates many programs with fresh seeds, or one again.

python -m tests.simulation --count 100000            # all cores; prints the seed
python -m tests.simulation --count 100000 --seed 7   # the same programs again
python -m tests.simulation --count 100000 --keep-going   # tells of each that fails, not of the first only
python -m tests.simulation --program "Program(steps=(Step('sign_out'),))"
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import reissue

from tests.simulation.program import Program, Step, bound, further, many_tabs, one_tab, reduced, strangers
from tests.simulation.run import run
from tests.simulation.tab import Violation

KINDS = (one_tab, many_tabs, further, bound, strangers)
CHUNK = 1000  # programs that one process runs at a time


def violation_of(program: Program) -> str:
    try:
        run(reissue, program)
    except Violation as violation:
        return str(violation)
    return ""


def simulate(chunk: tuple[int, int], keep_going: bool = False) -> tuple[int, list[str]]:
    """Run so many programs from a seed on; how many ran, and what the first (or each) that fails violates, made small.

    A fifth of them is of one tab, a fifth of many, a fifth has step-ups and clients of another API, in a fifth tokens
    are bound to a key, and in a fifth servers, proxies and scripts are strangers.
    """
    first, count = chunk
    violations: list[str] = []
    for number in range(count):
        program = KINDS[number % len(KINDS)](first + number)
        if violation := violation_of(program):
            smaller = reduced(program, lambda part: bool(violation_of(part)))
            violations.append(violation_of(smaller) or violation)
            if not keep_going:
                return number + 1, violations
    return count, violations


def chunks(first_seed: int, count: int) -> Iterator[tuple[int, int]]:
    seeds = random.Random(first_seed)
    for start in range(0, count, CHUNK):
        yield seeds.getrandbits(64), min(CHUNK, count - start)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many programs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="fresh if not given")
    parser.add_argument("--program", help="one program, as a failure prints it")
    parser.add_argument("--keep-going", action="store_true", help="run all, whatever fails")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.program:
        run(reissue, eval(options.program, {"Program": Program, "Step": Step}))
        print("Every invariant holds.")
        return 0

    print(f"Simulating {options.count} programs from seed {options.seed}", flush=True)
    began, ran, failed = time.perf_counter(), 0, 0
    with ProcessPoolExecutor(options.jobs) as pool:
        work = partial(simulate, keep_going=options.keep_going)
        for count, violations in pool.map(work, chunks(options.seed, options.count)):
            ran, failed = ran + count, failed + len(violations)
            for violation in violations:
                print(violation, flush=True)
            if violations and not options.keep_going:
                pool.shutdown(wait=False, cancel_futures=True)
                return 1
    if failed:
        print(f"{failed} of {ran} programs fail")
        return 1
    seconds = time.perf_counter() - began
    print(f"Every invariant holds of {ran} programs ({ran / seconds:.0f} a second)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
