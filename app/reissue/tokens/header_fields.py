"""The header fields that a client adds to its requests: the token, its proof, and the app's own."""

from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from typing import Final, NamedTuple

from ..http.messages import Headers, Request
from .credentials import Credential
from .dpop import Prover

AUTHORIZATION: Final = "Authorization"

HeadersSetting = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""Header fields, or a function that returns them and is called for each request."""


class HeaderFields(NamedTuple):
    """How a client's requests carry its token, and the app's own fields.

    `name` is the field for the token, and `scheme` the word before it, if any. `own` are the app's own fields. `prover`
    makes the proofs for tokens that are bound to a key.
    """

    name: str = AUTHORIZATION
    scheme: str = "Bearer"
    own: HeadersSetting | None = None
    prover: Prover | None = None

    @classmethod
    def checked(
        cls, *, header: str, scheme: str, headers: HeadersSetting | None, prover: Prover | None
    ) -> "HeaderFields":
        """By the settings of `Interceptor`. Raises TypeError or ValueError for settings that can't work."""
        if not isinstance(header, str) or not isinstance(scheme, str):
            raise TypeError("header and scheme are text")
        value = f"{scheme} x" if scheme else "x"
        Headers({header: value})
        if len(value.split(" ")) > 2 or not value.isprintable():
            raise ValueError(f"scheme is one word, or empty, not {scheme!r}")
        if prover is not None and (header.lower(), scheme) != ("authorization", "Bearer"):
            raise ValueError("a bound token has a scheme and a header field of its own (RFC 9449): set neither")
        check_headers(headers)
        own = dict(headers) if isinstance(headers, Mapping) else headers
        fields = cls(header, scheme, own, prover)
        if isinstance(own, dict):
            for name in own:
                fields._check_own(name)
        return fields

    @property
    def redirect(self) -> str | None:
        """Fetch's setting for requests that have none: a browser drops no other field than Authorization on the way."""
        return None if self.name.lower() == "authorization" else "error"

    def are_in(self, request: Request) -> bool:
        """Does the request carry a token of its own?"""
        return self.name in request.headers

    @property
    def only_the_token(self) -> bool:
        """Is `Authorization` with the token all that is attached, unless the token is bound to a key?"""
        return self.name == AUTHORIZATION and self.own is None

    def value_for(self, credential: Credential) -> str:
        """The value of the field for the token."""
        scheme = credential.token_type if credential.bound else self.scheme
        return f"{scheme} {credential.access_token}".lstrip()

    def attach(self, request: Request, credential: Credential, proof: str | None) -> Request:
        """The request with the credential (RFC 6750 section 2.1, RFC 9449 section 7.1). Built anew each time (Q7).

        The app's own fields are read here, when the request is sent, and take the place of the request's (X4).
        """
        if not credential.in_cookie:
            request = request.with_field(self.name, self.value_for(credential))
        if proof is not None:
            request = request.with_field("DPoP", proof)
        own = self.own() if callable(self.own) else self.own
        if own:
            for name, value in own.items():
                self._check_own(name)
                request = request.with_field(name, value)
        return request

    def _check_own(self, name: str) -> None:
        """Raises ValueError if this field carries the token or its proof, which another value must not replace."""
        if name.lower() == self.name.lower() or (self.prover is not None and name.lower() == "dpop"):
            raise ValueError(f"headers can't have {name}, which carries the token")


def check_headers(headers: object) -> None:
    """Raises TypeError or ValueError for a setting `headers=` that can't work."""
    if callable(headers) and (iscoroutinefunction(headers) or iscoroutinefunction(type(headers).__call__)):
        raise TypeError("headers is a plain function: it is called when a request is sent, so it can't be async")
    if headers is not None and not callable(headers):
        if not isinstance(headers, Mapping):
            raise TypeError(f"headers is a mapping, or a function that returns one, not {type(headers).__name__}")
        Headers(headers)
