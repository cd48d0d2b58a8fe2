"""Forms: the fields and files of a request, as values, and their two encodings.

The argument shapes are httpx's. Everything is read when the request is made, so it can be sent again after a 401.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_DEFAULT_FILENAME: Final = "upload"  # httpx's
_DEFAULT_TYPE: Final = "application/octet-stream"
_CONTENT_TYPE: Final = re.compile(r"[\x20-\x7e\x80-\xff]*")
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # HTML standard, 'multipart/form-data encoding algorithm'


@dataclass(frozen=True, slots=True)
class FormEntry:
    """A field, or a file if it has a `filename`.

    `value` is text for a field; for a file it is bytes, or an object that the transport knows (a JavaScript File or
    Blob). `content_type` of None is the object's own, or else `application/octet-stream`.
    """

    name: str
    value: Any
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """The body of a request with files: `multipart/form-data` (RFC 7578). In a page it becomes a FormData."""

    entries: tuple[FormEntry, ...]

    def encode(self, boundary: str | None = None) -> tuple[str, bytes]:
        """The Content-Type and the body, for a transport that sends bytes. Raises TypeError for JavaScript objects."""
        boundary = boundary or os.urandom(16).hex()
        parts: list[bytes] = []
        for entry in self.entries:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(entry.name)}"'
            if entry.filename is not None:
                head += (
                    f'; filename="{_escaped(entry.filename)}"\r\nContent-Type: {entry.content_type or _DEFAULT_TYPE}'
                )
            value = entry.value.encode() if isinstance(entry.value, str) else entry.value
            if not isinstance(value, bytes):
                raise TypeError(f"only a page can send a {type(value).__name__}")
            parts.append(head.encode() + b"\r\n\r\n" + value + b"\r\n")
        return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()

    def __repr__(self) -> str:
        return f"Form({', '.join(entry.name for entry in self.entries)})"


def form_body(data: Any, files: Any) -> tuple["Form | bytes", str | None]:
    """The body for `data=` and `files=`, and its Content-Type; None for a form, whose transport sets it.

    `data` is a mapping of fields: text, numbers, truth values, None, or lists of these for a name that is repeated.
    `files` is a mapping, or a list of pairs, of names and files; a list in a mapping repeats the name. A file is
    content, `(filename, content)` or `(filename, content, content_type)`, and its content is bytes, text, an object
    with a method `read`, or a JavaScript File or Blob.
    Raises TypeError or ValueError for anything else, such as an iterator, which could not be sent again.
    """
    fields = tuple(_fields(data))
    if files is None:
        from urllib.parse import urlencode  # here, since few requests need it

        encoded = urlencode([(field.name, field.value) for field in fields])
        return encoded.encode(), "application/x-www-form-urlencoded"
    return Form((*fields, *_files(files))), None


def _fields(data: Any) -> Iterator[FormEntry]:
    if data is None:
        return
    if not isinstance(data, Mapping):
        raise TypeError(f"data is a mapping of fields, not {type(data).__name__}: for text or bytes give body=")
    for name, value in data.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            yield FormEntry(_checked_name(name), _field_text(name, one))


def _field_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode()  # raises UnicodeDecodeError, a ValueError: binary content is a file
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"the field {name!r} is text or a number, not {type(value).__name__}")
    return str(value)


def _files(files: Any) -> Iterator[FormEntry]:
    if isinstance(files, (str, bytes)) or not isinstance(files, (Mapping, Iterable)):
        raise TypeError(f"files are a mapping, or pairs, of names and files, not {type(files).__name__}")
    for name, given in files.items() if isinstance(files, Mapping) else files:
        for file in given if isinstance(given, list) else [given]:
            yield _file(_checked_name(name), file)


def _file(name: str, file: Any) -> FormEntry:
    filename, content, content_type = None, file, None
    if isinstance(file, tuple):
        if not 2 <= len(file) <= 3:
            raise ValueError(f"the file {name!r} is (filename, content) or (filename, content, content_type)")
        filename, content, content_type = file if len(file) == 3 else (*file, None)
    if filename is None:
        own_name = getattr(content, "name", None)  # of a file in Python, or of a JavaScript File
        filename = re.split(r"[/\\]", own_name)[-1] if isinstance(own_name, str) else _DEFAULT_FILENAME
    if not isinstance(filename, str):
        raise TypeError(f"the filename of {name!r} is text, not {type(filename).__name__}")
    if content_type is not None and not (isinstance(content_type, str) and _CONTENT_TYPE.fullmatch(content_type)):
        raise ValueError(f"the content type of {name!r} is no header field's value")
    return FormEntry(name, _content(name, content), filename, content_type)


def _content(name: str, content: Any) -> Any:
    if hasattr(content, "js_id"):  # a JavaScript object
        return content
    if hasattr(content, "read"):
        content = content.read()
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)  # the caller may change the buffer before a replay
    raise TypeError(f"the file {name!r} is bytes, text or an object with read(), not {type(content).__name__}")


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a field is text, not {type(name).__name__}")
    return name


def _escaped(text: str) -> str:
    return re.sub('["\r\n]', lambda found: _ESCAPES[found[0]], text)
