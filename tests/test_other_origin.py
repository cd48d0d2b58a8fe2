"""The second origin that browser tests call."""

from __future__ import annotations

import http.client

from tests.other_origin import other_origin


def test_the_other_origin_writes_down_what_it_gets() -> None:
    with other_origin() as other:
        host = other.origin.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        asked = {"Origin": "http://a.test", "Access-Control-Request-Headers": "x-tag"}
        connection.request("OPTIONS", "/x", headers=asked)
        preflight = connection.getresponse()
        preflight.read()
        assert preflight.status == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == "http://a.test"
        assert preflight.headers["Access-Control-Allow-Headers"] == "authorization, x-tag"
        connection.request("POST", "/x?y=secret-2", b"body", {"Authorization": "Bearer secret-1"})
        assert connection.getresponse().read() == b'{"other": true}'
        connection.request("GET", "/redirect?to=http%3A%2F%2Fa.test%2Fb")
        moved = connection.getresponse()
        assert (moved.status, moved.headers["Location"]) == (307, "http://a.test/b")
        connection.close()
        assert [request.method for request in other.requests] == ["OPTIONS", "POST", "GET"]
        assert other.saw("secret-1")
        assert other.saw("secret-2")
        assert not other.saw("secret-3")
        assert "authorization" in other.header_names()
