"""Runs the commands that a build consists of, and says in one sentence what failed and what to do."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
LAST_LINES = 6


class StepFailed(click.ClickException):
    """A build can't go on; the message says what to do."""


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None, failed: str) -> None:
    """Run a command quietly; if it fails, raise `StepFailed` with `failed` and the command's last lines.

    `env` is its whole environment; None is ours.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise StepFailed(f"{failed} ({error})") from error
    if done.returncode:
        last = done.stdout.decode(errors="replace").strip().splitlines()[-LAST_LINES:]
        raise StepFailed("\n  ".join([failed, *last]))


def say(step: str) -> None:
    """Print the step that takes time now."""
    click.echo(f"  {step}")
