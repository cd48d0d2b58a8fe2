"""`python -m tests.browser.everything --seconds 300 --engine firefox`: see `tests.browser.everything`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import click
from playwright.sync_api import sync_playwright

from tests.browser.browsers import ENGINES, chromium_launch_options, find_webkit, firefox_launch_options
from tests.browser.everything import Everything, InABrowser, InPlaywright, InWebKit, server_of_everything
from tests.browser.webkit import running_webkit


@click.command()
@click.option("--seconds", default=300.0, show_default=True, help="how long")
@click.option("--engine", default="chromium", type=click.Choice(ENGINES), show_default=True)
@click.option("--seed", type=int, help="fresh if not given")
@click.option("--screenshot", type=click.Path(), help="where to write a picture of the page")
def main(seconds: float, engine: str, seed: int | None, screenshot: str | None) -> None:
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    click.echo(f"seed {seed}, {engine}, {seconds:g} s")
    with server_of_everything() as server, a_page(engine) as page:
        everything = Everything(page, server, seed=seed)
        everything.open()
        everything.run(seconds)
        if screenshot:
            page.screenshot(screenshot)
        click.echo(everything.report())
        everything.check(seconds)


@contextmanager
def a_page(engine: str) -> Iterator[InABrowser]:
    """A page of this engine."""
    if engine == "webkit":
        with running_webkit(find_webkit(bring=False)) as driver:
            yield InWebKit(driver)
        return
    options = chromium_launch_options() if engine == "chromium" else firefox_launch_options()
    with sync_playwright() as playwright:
        browser = getattr(playwright, engine).launch(**options)
        yield InPlaywright(browser.new_page(viewport={"width": 1280, "height": 860}))
        browser.close()


if __name__ == "__main__":
    main()
