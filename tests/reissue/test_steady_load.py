"""A stale token is still sent: under a steady load no request meets a 401, or waits for a refresh, over short lives."""

import asyncio
from collections import Counter

from reissue import Credential, RefreshPhase, Request, RequestEvent, RequestPhase, Response

from tests.reissue.conftest import API, World

LIFE, REFRESH, ANSWER = 5, 0.8, 0.05  # seconds
RATE, DURATION = 50, 30  # requests a second, seconds


async def test_a_steady_load_over_short_lives_meets_no_401_and_waits_for_no_refresh(world: World) -> None:
    """Fifty requests a second over tokens that live five seconds, for thirty seconds of virtual time."""
    now = asyncio.get_running_loop().time
    ends = {"token-1": now() + LIFE}
    asked_with: list[str] = []

    async def server(request: Request) -> Response:
        await asyncio.sleep(ANSWER)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return Response(200 if now() < ends[token] else 401)

    async def refresh(credential: Credential | None) -> Credential:
        assert credential is not None
        asked_with.append(credential.access_token)
        await asyncio.sleep(REFRESH)
        token = f"token-{len(asked_with) + 1}"
        ends[token] = now() + LIFE
        return Credential(access_token=token, expires_in=LIFE)

    world.api = world.make(transport=server, endpoint=refresh, clock=now)
    await world.signed_in(expires_in=LIFE)
    calls = []
    for _ in range(RATE * DURATION):
        calls.append(asyncio.create_task(world.api.fetch(API + "notes")))
        await asyncio.sleep(1 / RATE)
    assert Counter([(await call).status for call in calls]) == {200: RATE * DURATION}

    requests = [event for event in world.events if isinstance(event, RequestEvent)]
    assert {event.phase for event in requests} == {RequestPhase.STARTED, RequestPhase.SENT, RequestPhase.DONE}
    started = {event.request: event.at for event in requests if event.phase is RequestPhase.STARTED}
    sent = {event.request: event.at for event in requests if event.phase is RequestPhase.SENT}
    assert sent == started, "on virtual time, the same instant: not one of them waited"

    assert asked_with == [f"token-{n}" for n in range(1, 7)], "each life is renewed once, and 30 s hold six of them"
    renewals = [event.at for event in world.events if event.phase is RefreshPhase.STARTED]
    ages = [at - received for at, received in zip(renewals[1:], [at + REFRESH for at in renewals], strict=False)]
    assert all(LIFE * 3 / 4 <= age < LIFE * 3 / 4 + 2 / RATE for age in ages), "with a quarter left, and not before"
