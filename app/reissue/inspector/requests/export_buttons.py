"""Buttons that save the trace as a file, or write it to the browser's profiler as measures (User Timing, level 3)."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

import js
from pyodide.ffi import to_js

from ...browser.interop import js_object
from ..dom import Scope, element
from .formats import GROUP, Measure, as_har, as_json, measures
from .trace import Trace


class ExportButtons:
    """One button for each format. `told` is called with a sentence when the export is done."""

    def __init__(self, trace: Trace, words: Mapping[str, str], *, told: Callable[[str], object]) -> None:
        self._trace, self._words, self._told = trace, words, told
        self._measured: set[Measure] = set()
        self._scope = Scope()
        button = self._scope.button
        self.root = element(
            "span",
            button(words["requests.export.json"], self._save_json),
            button(words["requests.export.har"], self._save_har),
            button(words["requests.export.measures"], self._write, title=words["requests.export.measures.hint"]),
            class_="group",
            role="group",
            aria_labelledby="export",
        )

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _save_json(self) -> None:
        now = time.perf_counter()
        self._save(as_json(self._trace, now=now, wall=time.time() - now), "json", "application/json")

    def _save_har(self) -> None:
        now = time.perf_counter()
        text = as_har(self._trace, now=now, wall=time.time() - now, version=_version())
        self._save(text, "har", "application/json")

    def _write(self) -> None:
        """Write the measures that were not written before. Chromium shows each track in the group `reissue`."""
        new = [measure for measure in measures(self._trace) if measure not in self._measured]
        # `perf_counter` is `performance.now()`, but for where it begins.
        offset = js.performance.now() / 1000 - time.perf_counter()
        for measure in new:
            tools = {"dataType": "track-entry", "track": measure.track, "trackGroup": GROUP, "color": measure.colour}
            start, end = ((at + offset) * 1000 for at in (measure.start, measure.end))
            options = {"start": max(0, start), "end": max(0, end), "detail": {"devtools": tools}}
            js.performance.measure(measure.name, js_object(options))
        self._measured.update(new)
        self._told(self._words["requests.exported.measures"].format(count=f"{len(new):,}"))

    def _save(self, text: str, ending: str, kind: str) -> None:
        name = f"reissue-{datetime.now():%Y%m%d-%H%M%S}.{ending}"
        address = js.URL.createObjectURL(js.Blob.new(to_js([text]), js_object({"type": kind})))
        element("a", href=address, download=name).click()
        js.URL.revokeObjectURL(address)  # the download has begun
        self._told(self._words["requests.exported.file"].format(name=name))


def _version() -> str:
    try:
        return version("reissue")
    except PackageNotFoundError:
        return "0"
