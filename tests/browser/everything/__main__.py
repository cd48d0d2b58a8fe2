"""`python -m tests.browser.everything --seconds 300 --engine firefox`: see `tests.browser.everything`."""

from __future__ import annotations

import random

import click
from playwright.sync_api import sync_playwright

from tests.browser.browsers import chromium_launch_options, firefox_launch_options
from tests.browser.everything import Everything
from tests.live_server import running_server


@click.command()
@click.option("--seconds", default=300.0, show_default=True, help="how long")
@click.option("--engine", default="chromium", type=click.Choice(["chromium", "firefox"]), show_default=True)
@click.option("--seed", type=int, help="fresh if not given")
@click.option("--screenshot", type=click.Path(), help="where to write a picture of the page")
def main(seconds: float, engine: str, seed: int | None, screenshot: str | None) -> None:
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    click.echo(f"seed {seed}, {engine}, {seconds:g} s")
    options = chromium_launch_options() if engine == "chromium" else firefox_launch_options()
    with running_server() as server, sync_playwright() as playwright:
        browser = getattr(playwright, engine).launch(**options)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        everything = Everything(page, server, seed=seed)
        everything.open()
        everything.run(seconds)
        if screenshot:
            page.screenshot(path=screenshot, full_page=True)
        click.echo(everything.report())
        everything.check(seconds)
        browser.close()


if __name__ == "__main__":
    main()
