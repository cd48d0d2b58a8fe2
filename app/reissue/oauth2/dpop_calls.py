"""Calls to the endpoint with a proof in each (DPoP, RFC 9449), and once more if the endpoint wants a nonce in it.

For the API's requests, `attempts` does the same.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from ..http.json_text import parse_json, text_within
from ..http.messages import Request
from ..http.outcomes import discard_body
from ..tokens.dpop import Prover


def with_proofs(transport: Callable[[Request], Awaitable[Any]], prover: Prover) -> Callable[[Request], Awaitable[Any]]:
    """A transport that sends each request with a proof, and once more if the server wants a nonce in it (RFC 9449
    section 8).
    """

    async def send(request: Request) -> Any:
        proof, nonce = await prover.proof(request)
        answer = await transport(request.with_field("DPoP", proof))
        wanted = prover.learn(request, answer)
        if wanted not in (None, nonce) and await _lacks_nonce(answer):
            discard_body(answer)
            proof, _ = await prover.proof(request, nonce=wanted)
            answer = await transport(request.with_field("DPoP", proof))
            prover.learn(request, answer)
        return answer

    return send


async def _lacks_nonce(answer: Any) -> bool:
    if not 400 <= answer.status < 500:  # 400 by the RFC, 401 of an API's words, 403 from Glewlwyd
        return False
    text = await text_within(answer.clone() if hasattr(answer, "clone") else answer)
    try:
        fields = parse_json(text)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("error") == "use_dpop_nonce"
