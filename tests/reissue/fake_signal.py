"""A caller's abort signal."""

from typing import Any


class FakeSignal:
    def __init__(self) -> None:
        self.aborted = False
        self.callbacks: list[Any] = []

    def subscribe(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def abort(self) -> None:
        self.aborted = True
        for callback in tuple(self.callbacks):
            callback()
