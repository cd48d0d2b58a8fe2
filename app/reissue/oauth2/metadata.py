"""An authorization server's metadata (RFC 8414, OpenID Connect Discovery 1.0): its endpoints and abilities."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..http.urls import ParseUrl

_LOOPBACK: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The endpoints as absolute URLs. `sends_issuer`: the server's answers name its issuer (RFC 9207)."""

    issuer: str | None
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    jwks_uri: str | None = None
    sends_issuer: bool = False


def discovery_urls(issuer: str, *, openid: bool) -> list[str]:
    """The URLs of an issuer's metadata: at the path of OpenID Connect Discovery, and at that of RFC 8414 section 3.

    The likelier one is first.
    """
    scheme, _, rest = issuer.rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    urls = [
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}",
    ]
    return urls if openid else urls[::-1]


def read_metadata(fields: Mapping[str, Any], *, issuer: str | None, openid: bool, parse: ParseUrl) -> Metadata:
    """The metadata in these fields, named as in RFC 8414 section 2. Raises ValueError for fields that can't be used.

    They must name the expected issuer (section 3.3), or a server could send another's users to itself (mix-up).
    """
    if fields.get("issuer") != issuer:
        raise ValueError(f"they name another issuer than {issuer}")
    methods = fields.get("code_challenge_methods_supported", ["S256"])  # some servers support it without saying so
    if not isinstance(methods, list) or "S256" not in methods:
        raise ValueError("the server does not support PKCE with S256 (RFC 7636)")
    if openid and not (issuer and fields.get("jwks_uri")):
        raise ValueError("OpenID Connect needs an issuer and a jwks_uri")

    def url(name: str) -> str | None:
        value = fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueError(f"{name} is not text")
        return secure_url(value, name=name, parse=parse)

    authorization_endpoint, token_endpoint = url("authorization_endpoint"), url("token_endpoint")
    if authorization_endpoint is None or token_endpoint is None:
        raise ValueError("authorization_endpoint and token_endpoint are needed")
    return Metadata(
        issuer=issuer,
        authorization_endpoint=authorization_endpoint,
        token_endpoint=token_endpoint,
        revocation_endpoint=url("revocation_endpoint"),
        end_session_endpoint=url("end_session_endpoint"),
        jwks_uri=url("jwks_uri"),
        sends_issuer=fields.get("authorization_response_iss_parameter_supported") is True,
    )


def read_given(fields: Mapping[str, Any], *, issuer: str, openid: bool, parse: ParseUrl) -> Metadata | None:
    """The metadata that the app itself gives; None if they lack a needed field, which must be fetched.

    Raises ValueError as `read_metadata`, even for metadata that lack a field.
    """
    needed = ["authorization_endpoint", "token_endpoint", *["jwks_uri"] * openid]
    left = [name for name in needed if name not in fields]
    read = read_metadata({**dict.fromkeys(left, issuer), **fields}, issuer=issuer, openid=openid, parse=parse)
    return None if left else read


def secure_url(text: str, *, name: str, parse: ParseUrl) -> str:
    """The URL as the browser reads it. Raises ValueError unless it is https, or on this machine (RFC 6749, 3.1)."""
    try:
        url = parse(text)
    except ValueError as error:
        raise ValueError(f"{name} is no URL that can be used here: {error}") from None
    host = url.origin.partition("://")[2]
    if not url.origin.startswith("https://") and not _LOOPBACK.fullmatch(host):
        raise ValueError(f"{name} must be an https URL (http is for tests on this machine)")
    if "#" in url.href:
        raise ValueError(f"{name} has a fragment (RFC 6749 section 3.1)")
    return url.href
