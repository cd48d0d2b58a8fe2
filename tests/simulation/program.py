"""Random programs: what is simulated, as values that can be made smaller and printed, and that can be run again.

make simulate PROGRAM="Program(seed=3, steps=(Step('sign_out'), Step('fetch', after=0.5)))"
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

from tests.simulation.model import API_FAULTS, AUTH_FAULTS, STRANGE_FAULTS
from tests.simulation.origin import CHANNEL_FAULTS, STORE_FAULTS
from tests.simulation.strangers import FORMS, NAMES, REFUSALS, SIGN_OUTS, SPOILED, STORED_FORMS, SUBJECTS, UNTYPED

JUMPS = (-40.0, 40.0, 3.0, -3.0, 3_600.0, -3_600.0, 1e7, -1e7)  # seconds
REQUESTS = ("plain", "plain", "plain", "post", "one_shot", "public", "signal", "timeout")


class _Short:
    """Shown without what is as usual: programs are read and typed by people."""

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={value!r}"
            for field in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Step(_Short):
    """One thing that happens, `after` so many seconds. What `number`, `kind` and `delay` mean is up to what it does."""

    does: str
    after: float = 0.0
    number: int = 1
    kind: str = ""
    delay: float = 0.01
    tab: int = 0


@dataclass(frozen=True, repr=False)
class Program(_Short):
    """Steps, the order in which callbacks run (a seed; 0 is asyncio's), and what client and server are like."""

    steps: tuple[Step, ...]
    seed: int = 0
    in_flight: int = 2
    opaque: bool = False
    in_body: bool = False
    judge: str = ""  # should_renew: none, a plain function, or a coroutine function
    tabs: int = 0  # that share a session, at the start; 0: one that shares nothing
    courtesy: bool = False  # they take turns without locks
    stored: bool = False  # in a store that they share, too
    lag: float = 0.0  # seconds that the browser may take to bring something from one page to another
    handler: str = ""  # what the app does when the API wants a stronger sign-in; without it, it has no handler
    other_api: bool = False  # each page has a client for another API, too
    bound: str = ""  # tokens are bound to a key; and whether a page may read what a 401 asks for: "exposed" or "hidden"
    strangers: bool = False  # at the end it is seen that nobody is locked out, and no sign-out lives on
    dialect: str = ""  # how the server refuses
    deaf: str = ""  # how it refuses every sign-out
    names: str = ""  # the claim that names the user, if not `sub`
    subject: str = ""  # how: "pairwise", or in words that change, "typed" or "spelled"


AFTER = (0.0, 0.0, 0.0, 0.005, 0.005, 0.01, 0.01, 0.5, 5.0, 14.99, 16.0, 25.0)  # seconds
DELAYS = (0.0, 0.01, 0.01, 0.5, 3.0, 100.0)  # seconds
CALLS = ("sign_in", "sign_out", "resume", "renew", "adopt", "reload")
HANDLERS = ("fields", "fields", "credential", "not enough", "another user", "declines", "fails")
REACTIONS = (*CALLS, "fetch", "abort", "revoke", "cancel")
LEAVES = ("crash", "freeze", "close")


def one_tab(seed: int) -> Program:
    """A program of one tab that shares nothing."""
    return _program(random.Random(seed), tabs=False)


def further(seed: int) -> Program:
    """One of either, in which requests want a stronger sign-in, or go to another API with a token of their own."""
    chance = random.Random(seed)
    program = (one_tab, many_tabs)[chance.random() < 0.5](seed)

    def step(step: Step) -> Step:
        if step.does != "fetch" or chance.random() < 0.3:
            return step
        return replace(step, kind=chance.choice(("strong", "other", "other", "strong other")))

    return replace(
        program, steps=tuple(map(step, program.steps)), handler=chance.choice(("", *HANDLERS)), other_api=True
    )


def bound(seed: int) -> Program:
    """One of any, in which tokens are bound to a key, and servers want nonces and change them at any moment."""
    chance = random.Random(seed)
    program = (one_tab, many_tabs, further)[chance.randint(0, 2)](seed)
    steps: list[Step] = []
    for step in program.steps:
        if chance.random() < 0.4:
            steps.append(_nonce_step(chance))
        steps.append(step)
    return replace(program, steps=tuple(steps), bound=chance.choice(("exposed", "exposed", "hidden")))


def _nonce_step(chance: random.Random) -> Step:
    step = Step("nonce", chance.choice(AFTER), chance.randint(0, 14))
    return chance.choice(
        (
            step,
            step,
            replace(step, kind=chance.choice(("v1", "auth", "files"))),
            replace(step, does="react", kind="nonce"),
            Step("slow_proofs", step.after, chance.randint(1, 4), delay=chance.choice((0.01, 0.5, 3.0))),
            Step("api_fault", step.after, chance.randint(1, 4), "none", chance.choice((0.01, 0.5, 3.0))),
        )
    )


def strangers(seed: int) -> Program:
    """One of any, at a server that was not made for this, behind proxies, and with hostile scripts in the origin."""
    chance = random.Random(seed)
    program = chance.choice((one_tab, many_tabs, many_tabs, further, further, bound))(seed)
    steps: list[Step] = []
    for step in program.steps:
        if chance.random() < 0.5:
            steps += _strange_steps(chance, tabs=bool(program.tabs))
        steps.append(step)
    return replace(
        program,
        steps=tuple(steps),
        strangers=True,
        opaque=program.opaque and chance.random() < 0.4,
        dialect=chance.choice(("", *REFUSALS)),
        deaf=chance.choice(("", "", "", *SIGN_OUTS)),
        names=chance.choice(NAMES),
        subject=chance.choice(SUBJECTS),
    )


def _strange_steps(chance: random.Random, *, tabs: bool) -> list[Step]:
    """One step, or a few that belong together."""
    pick, number, some, delay = chance.choice, chance.randint(0, 99), chance.randint(1, 4), chance.choice(DELAYS)
    tab, other_tab = (chance.randint(0, 3), chance.randint(0, 3)) if tabs else (0, 0)
    step = partial(Step, after=pick(AFTER), number=number, tab=tab)
    then = partial(Step, after=pick(AFTER))

    def fault(kind: str) -> list[Step]:
        """The refresh meets it, or whatever comes first."""
        return [replace(step("auth_fault", kind=kind), number=some, delay=delay), then("renew", tab=other_tab)]

    choices: list[tuple[int, Callable[[], list[Step]]]] = [
        (5, lambda: fault(pick(STRANGE_FAULTS))),
        (2, lambda: fault(pick((*SPOILED, *UNTYPED)))),
        (1, lambda: [step("kill"), then("fetch", number=some, kind="plain", tab=other_tab)]),
        (2, lambda: [step("switch")]),
        (4, lambda: [step("welcome"), then("sign_out", tab=other_tab)]),
        (2, lambda: [step("elsewhere")]),
        (1, lambda: [then("fetch", kind="other"), step("elsewhere"), replace(step("fetch", kind="other"), after=20.0)]),
        (1, lambda: [step("hostile_mark")]),
        (2, lambda: [step("hostile_store", kind=pick(STORED_FORMS))]),
    ]
    if tabs:
        choices.append((3, lambda: [step("hostile", kind=pick(FORMS))]))
    return chance.choices([make for _, make in choices], [weight for weight, _ in choices])[0]()


def many_tabs(seed: int) -> Program:
    """A program of several tabs that share a session."""
    chance = random.Random(seed)
    return replace(
        _program(chance, tabs=True),
        tabs=chance.randint(1, 3),
        courtesy=chance.random() < 0.25,
        stored=chance.random() < 0.5,
        lag=chance.choice([0.0, 0.002, 0.02]),
    )


def _program(chance: random.Random, *, tabs: bool) -> Program:
    return Program(
        tuple(_step(chance, tabs=tabs) for _ in range(chance.randint(2, 20))),
        seed=chance.randint(0, 9_999),
        in_flight=chance.randint(1, 3),
        opaque=chance.random() < 0.5,
        in_body=chance.random() < 0.5,
        judge=chance.choice(["", "", "plain", "async"]),
    )


def _step(chance: random.Random, *, tabs: bool) -> Step:
    pick = chance.choice
    step = partial(Step, after=pick(AFTER), tab=chance.randint(0, 3) if tabs else 0)
    some, delay = chance.randint(1, 4), pick(DELAYS)
    weighted: list[tuple[int, Callable[[], Step]]] = [
        (4, lambda: step("fetch", number=some, kind=pick(REQUESTS))),
        (4, lambda: step(pick(CALLS), number=some)),
        (1, lambda: step(pick(("wake", "revoke", "kill")))),
        (1, lambda: step(pick(("cancel", "cancel", "abort", "jump")), number=chance.randint(0, 7))),
        (1, lambda: step("api_fault", number=some, kind=pick(API_FAULTS), delay=delay)),
        (2, lambda: step("auth_fault", number=some, kind=pick(AUTH_FAULTS), delay=delay)),
    ]
    if not tabs:
        weighted += [(1, lambda: step("react", number=chance.randint(0, 13), kind=pick(REACTIONS)))]
    else:
        weighted += [
            (4, lambda: step(pick(("fetch", "fetch", "renew")), number=some)),
            (2, lambda: step("react", number=chance.randint(0, 13), kind=pick((*REACTIONS, *LEAVES)))),
            (2, lambda: step(pick(("open", "thaw", *LEAVES)))),
            (3, lambda: step("message_fault", number=some, kind=pick(CHANNEL_FAULTS))),
            (1, lambda: step("store_fault", kind=pick(STORE_FAULTS))),
        ]
    return chance.choices([make for _, make in weighted], [weight for weight, _ in weighted])[0]()


def reduced(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The program without the steps that it fails without, too, and otherwise as usual where it fails so, too."""
    index = 0
    while index < len(program.steps):
        shorter = replace(program, steps=program.steps[:index] + program.steps[index + 1 :])
        if fails(shorter):
            program = shorter
        else:
            index += 1
    for part in fields(program):
        if part.name not in ("steps", "tabs"):
            usual = replace(program, **{part.name: part.default})  # type: ignore[arg-type]
            program = usual if fails(usual) else program
    return program
