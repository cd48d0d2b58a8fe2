"""The card that leads through six steps: a sentence and a button each. The first was the sign-in itself.

The experiments are the laboratory's own, under the names of this card's elements.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pyscript import when

from demo import lab_everyday, lab_others, panel
from demo.page import by_id, show, tell, write
from demo.words import say

STEP = "step"  # the button's id, from which those of its neighbours are made


async def open_token() -> bool:
    panel.open_tab("token")
    write("step-message", say("story.token.done"))
    return True


async def fire() -> bool:
    panel.open_tab("requests")
    by_id("journey").classList.add("once")
    return await lab_everyday.fire_at_once(STEP)


async def expire_and_fire() -> bool:
    panel.open_tab("requests")
    return await lab_everyday.expire_token(STEP) and await lab_everyday.fire_at_once(STEP)


async def revoke_and_fire() -> bool:
    panel.open_tab("requests")
    return await lab_everyday.revoke_early(STEP) and await lab_everyday.fire_at_once(STEP)


@dataclass(frozen=True)
class Step:
    """A step whose sentences are `story.{name}.…`. `act` says whether it came to its end; None: a link acts."""

    name: str
    act: Callable[[], Awaitable[bool]] | None


STEPS = (
    Step("token", open_token),
    Step("fire", fire),
    Step("expire", expire_and_fire),
    Step("revoke", revoke_and_fire),
    Step("tabs", None),
)
COUNT = len(STEPS) + 1
here = 0


def show_step(place: int) -> None:
    """Show the step at this place of `STEPS`."""
    global here
    here = place
    step = STEPS[place]
    by_id("step-place").textContent = say("story.place", step=place + 2, count=COUNT)
    for number, mark in enumerate(by_id("story-steps").children):
        mark.className = "done" if number <= place else "here" if number == place + 1 else ""
    by_id("step-title").textContent = say(f"story.{step.name}.title")
    write("step-about", say(f"story.{step.name}.about"))
    tell("step-message", "")
    show("journey", step.act is fire)
    show("step", step.act is not None)
    show("step-tab", step.act is None)
    by_id("step").textContent = say(f"story.{step.name}.do")
    offer_next(done=False)


def offer_next(*, done: bool) -> None:
    """Make the next step the button to press, once this one is done."""
    last = STEPS[here] is STEPS[-1]
    by_id("step-next").textContent = say("story.end" if last else "story.next" if done else "story.pass")
    by_id("step-next").className = "main" if done else ""
    by_id("step").className = by_id("step-tab").className = "button" if done else "button main"
    if done:
        by_id("step").textContent = say("story.repeat")


@when("click", "#step")
async def act() -> None:
    place, step = here, STEPS[here]
    if step.act and await step.act() and place == here:
        offer_next(done=True)


@when("click", "#step-tab")
async def open_tab() -> None:
    await lab_others.count_for_tab(STEP, tab_is_there)


def tab_is_there() -> None:
    if STEPS[here].act is None:
        offer_next(done=True)


@when("click", "#step-next")
def go_on() -> None:
    if STEPS[here] is STEPS[-1]:
        close()
        return
    show_step(here + 1)
    by_id("step-title").focus()


@when("click", "#story-skip")
def close() -> None:
    """Leave the story for the laboratory."""
    show("story", False)
    show("story-again")
    by_id("lab-title").focus()
    by_id("lab").scrollIntoView()


@when("click", "#story-again")
def begin_again() -> None:
    show("story-again", False)
    show("story")
    show_step(0)
    by_id("step-title").focus()


show_step(0)
