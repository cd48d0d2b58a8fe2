"""Settings of fetch's for all requests of a client: what has one of its own, or goes elsewhere, is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reissue.conftest import World

DEFAULTS = {"cache": "no-store", "credentials": "omit"}


def options(world: World) -> list[dict[str, Any]]:
    return [dict(request.options) for request in world.server.requests]


async def test_every_request_to_the_audience_gets_the_clients_settings(world: World) -> None:
    """X14, X15"""
    world.api = world.make(**DEFAULTS)
    await world.signed_in("token-2")
    await world.api.fetch("https://api.test/v1/notes")
    await world.api.fetch("https://api.test/v1/notes", cache="reload", keepalive=True)
    await world.api.fetch("https://elsewhere.test/")
    await world.api.fetch("https://api.test/v1/notes", auth=False)
    own = {"cache": "reload", "credentials": "omit", "keepalive": True}
    assert options(world) == [DEFAULTS, own, {}, {}]


async def test_a_replay_has_them_too(world: World) -> None:
    world.api = world.make(**DEFAULTS)
    await world.signed_in("token-1")
    await world.api.fetch("https://api.test/v1/notes")
    assert options(world) == [DEFAULTS, DEFAULTS]


async def test_without_them_nothing_is_added(world: World) -> None:
    await world.signed_in("token-2")
    await world.api.fetch("https://api.test/v1/notes")
    assert options(world) == [{}]


async def test_the_client_of_another_resource_has_them_as_well(world: World) -> None:
    api = world.make(**DEFAULTS)
    assert api._inherited.items() >= DEFAULTS.items()
    await api.close()


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"cache": "force-cache"}, ValueError),
        ({"cache": "only-if-cached"}, ValueError),
        ({"cache": "no_store"}, ValueError),
        ({"cache": ""}, ValueError),
        ({"cache": False}, TypeError),
        ({"credentials": "none"}, ValueError),
        ({"credentials": 0}, TypeError),
    ],
    ids=str,
)
def test_a_setting_that_fetch_does_not_know_is_refused_at_once(
    world: World, setting: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=next(iter(setting))):
        world.make(**setting)
