"""How XMLHttpRequest gives the header fields of a response: as one text."""

from ..http.messages import Headers


def response_fields(lines: str) -> Headers:
    """The header fields of a response, from what `getAllResponseHeaders` gives."""
    # Not `splitlines`: to Python a byte 0x85 of a value ends a line, too.
    fields = (line.partition(":") for line in lines.split("\r\n") if line)
    return Headers([(name, value.strip()) for name, _, value in fields])
