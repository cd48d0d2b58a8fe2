"""What an authorization server says about itself (RFC 8414, OpenID Connect Discovery 1.0): endpoints and abilities."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..http.urls import ParseUrl

_LOOPBACK: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The endpoints as absolute URLs. `sends_issuer`: its answers name it, as RFC 9207 has it."""

    issuer: str | None
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    jwks_uri: str | None = None
    sends_issuer: bool = False


def discovery_urls(issuer: str, *, openid: bool) -> list[str]:
    """Where an issuer's metadata lie: at the path of OpenID Connect Discovery, or at that of RFC 8414 section 3.

    They differ where the issuer has a path. The likelier one is first.
    """
    scheme, _, rest = issuer.rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    urls = [
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}",
    ]
    return urls if openid else urls[::-1]


def read_metadata(fields: Mapping[str, Any], *, issuer: str | None, openid: bool, parse: ParseUrl) -> Metadata:
    """The metadata that these fields are, named as in RFC 8414 section 2. Raises ValueError for what can't be used.

    They must be the issuer's own (section 3.3): a server could else send another's users to itself (mix-up).
    """
    if fields.get("issuer") != issuer:
        raise ValueError(f"they name another issuer than {issuer}")
    methods = fields.get("code_challenge_methods_supported", ["S256"])  # not all that support it say so
    if not isinstance(methods, list) or "S256" not in methods:
        raise ValueError("it does not support PKCE with S256 (RFC 7636)")
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
    """The metadata that an app names itself; None if some that are needed are left to discovery.

    Raises ValueError as `read_metadata`, also for those that are only a part.
    """
    needed = ["authorization_endpoint", "token_endpoint", *["jwks_uri"] * openid]
    left = [name for name in needed if name not in fields]
    read = read_metadata({**dict.fromkeys(left, issuer), **fields}, issuer=issuer, openid=openid, parse=parse)
    return None if left else read


def secure_url(text: str, *, name: str, parse: ParseUrl) -> str:
    """The URL as the browser reads it. Raises ValueError unless it is over TLS, or on this machine (RFC 6749, 3.1)."""
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
