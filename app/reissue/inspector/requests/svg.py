"""A picture as SVG, in the colours of the panel: for a notebook, and wherever there is no canvas."""

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from pkgutil import get_data

from .picture import Picture

_FONT = 'font: 11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'

DARK = '[data-jp-theme-light="false"] &, .vscode-dark &, .dark &'
LIGHT = '[data-jp-theme-light="true"] &, .vscode-light &, .light &'
"""The marks of JupyterLab, VS Code and marimo: `light-dark()` follows the notebook, or else the reader's system."""


@cache
def colours() -> dict[str, str]:
    """The colour of each style of a picture, light and dark, from the panel's style sheet."""
    light, dark = (get_data("reissue.inspector", "panel.css") or b"").decode().split(":host {")[1:3]
    found = [dict(re.findall(r"--ri-([\w-]+): (#\w+);", block.partition("}")[0])) for block in (light, dark)]
    return {name.replace("-", "_"): f"light-dark({found[0][name]}, {found[1][name]})" for name in found[0]}


def style(selector: str) -> str:
    """The rules for a picture within `selector`; nothing else on the page is touched."""
    fills = "".join(f".{name} {{ fill: {colour} }} " for name, colour in colours().items())
    return (
        f"{selector} {{ color-scheme: light dark; {LIGHT} {{ color-scheme: light }} {DARK} {{ color-scheme: dark }} "
        f"text {{ {_FONT} }} {fills}}}"
    )


def svg(layers: Iterable[tuple[Picture, int]], width: int, height: int, *, label: str) -> str:
    """Pictures, each over so many pixels of the one before it, as one SVG. `label` says what a reader can't see."""
    parts = []
    for picture, tall in layers:
        parts.append(f'<rect class="ground" width="{width}" height="{tall}"/>')
        for name, shapes in picture.shapes.items():
            if shapes:
                parts.append(f'<path class="{name}" d="{"".join(shapes)}"/>')
        for text in picture.texts:
            parts.append(f'<text class="{text.style}" x="{text.x}" y="{text.y}">{escape(text.text)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="reissue-picture" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>{escape(style('.reissue-picture'), quote=False)}</style>{''.join(parts)}</svg>"
    )
