"""A token as text that can be edited, and a token made of such text again."""

import json
from collections.abc import Mapping
from typing import Any

from ...tokens.jws import ParsedToken, compact, parse_token
from ...tokens.signatures import HMAC


class NoObject(ValueError):
    """A text that is no JSON object; `line` and `column` say where, counted from 1."""

    def __init__(self, line: int = 1, column: int = 1) -> None:
        super().__init__(f"no JSON object: line {line}, column {column}")
        self.line, self.column = line, column


def as_text(part: Mapping[str, Any]) -> str:
    """A header or a payload as JSON on several lines."""
    return json.dumps(part, indent=2, ensure_ascii=False)


def as_object(text: str) -> dict[str, Any]:
    """The header or payload that a text says. Raises NoObject."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise NoObject(error.lineno, error.colno) from error
    except (RecursionError, ValueError) as error:  # too deep, or a number of too many digits
        raise NoObject from error
    if not isinstance(value, dict):
        raise NoObject
    return value


def with_parts(parsed: ParsedToken, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """A token with these parts and the signature of `parsed`, which is over other ones."""
    return compact(header, payload, parsed.signature or b"")


def signed(header: Mapping[str, Any], payload: Mapping[str, Any], secret: str) -> str:
    """A token that is signed with a secret, by the header's algorithm; by HS256 if that one takes no secret."""
    import jwt

    name = str(header.get("alg"))
    if name not in HMAC:
        name = "HS256"
    header = {**header, "alg": name}
    algorithm: Any = jwt.get_algorithm_by_name(name)
    signing_input = parse_token(compact(header, payload)).signing_input
    return compact(header, payload, algorithm.sign(signing_input, secret.encode()))
