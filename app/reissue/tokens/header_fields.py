"""How a credential stands in a request's header."""

from ..http.messages import Request
from .credentials import Credential


def attach(request: Request, credential: Credential, proof: str | None) -> Request:
    """The request with the credential (RFC 6750 section 2.1, RFC 9449 section 7.1). Built anew each time (Q7)."""
    request = request.with_field("Authorization", f"{credential.token_type} {credential.access_token}")
    return request if proof is None else request.with_field("DPoP", proof)


def attached(attempt: Request) -> dict[str, str]:
    """The header fields that carry the token of an attempt: another client adds them to its own request."""
    return {name: attempt.headers[name] for name in ("Authorization", "DPoP") if name in attempt.headers}
