"""One server-sent event."""

import json as json_format
from typing import Any

from ..http.values import Value


class ServerSentEvent(Value):
    """An event of an event stream (HTML standard, section 9.2).

    `event` is its type. `id` is the last event's id that the server has set, by this event or an earlier one; "" if it
    has set none. `retry` is the reconnection time in milliseconds if the server sent one with this event.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None

    def json(self) -> Any:
        """The data read as JSON. Raises ValueError if it is no JSON."""
        return json_format.loads(self.data)
