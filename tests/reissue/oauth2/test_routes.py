"""What an endpoint's requests carry, where they go, and how their answers are named."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from reissue import Credential, Endpoint, GrantRefused, MalformedToken, RefreshUnavailable, Request, Route
from reissue.oauth2.refusals import Presented

HELD = Credential(access_token="access", refresh_token="refresh")
BARE = Credential(access_token="access")


def sent(request: Request | None) -> tuple[str, str, Any]:
    """Method, URL and body, parsed."""
    assert request is not None
    body = json.loads(request.body) if request.body else request.body
    return request.method, request.url, body


def test_a_route_has_a_method_and_a_query_of_its_own_and_may_be_a_whole_url() -> None:
    endpoint = Endpoint(
        "/auth",
        sign_in="token?grant_type=password",
        refresh=Route("https://id.test/token", method="PATCH"),
        sign_out=Route("session", method="DELETE"),
    )._requests
    assert sent(endpoint.sign_in({"user": "ada"})) == ("POST", "/auth/token?grant_type=password", {"user": "ada"})
    assert sent(endpoint.refresh(HELD)) == ("PATCH", "https://id.test/token", {"refresh_token": "refresh"})
    assert sent(endpoint.sign_out(None)) == ("DELETE", "/auth/session", None), "no field, so no body"
    assert endpoint.urls == ["/auth/token?grant_type=password", "https://id.test/token", "/auth/session"]
    assert endpoint.refresh_url == "https://id.test/token"


def test_a_token_goes_where_a_header_names_it_and_then_not_into_the_body() -> None:
    endpoint = Endpoint(
        "/auth",
        refresh=Route("refresh", headers={"Authorization": "Bearer {refresh_token}"}),
        sign_out=Route("logout", headers={"Authorization": "JWT {access_token}", "X-Refresh": "{refresh_token}"}),
    )._requests
    refresh, sign_out = endpoint.refresh(HELD), endpoint.sign_out(HELD)
    assert refresh is not None
    assert sign_out is not None
    assert (refresh.headers["Authorization"], json.loads(refresh.body)) == ("Bearer refresh", {})
    assert (sign_out.headers["Authorization"], sign_out.headers["X-Refresh"]) == ("JWT access", "refresh")


def test_what_names_a_token_that_is_not_there_is_left_out_and_the_cookie_stands_for_it() -> None:
    route = Route("logout", headers={"Authorization": "Bearer {access_token}"}, fields={"t": "{refresh_token}", "n": 1})
    endpoint = Endpoint("/auth", sign_out=route)._requests
    for credential, fields in ((None, {"n": 1}), (BARE, {"n": 1}), (HELD, {"n": 1, "t": "refresh"})):
        request = endpoint.sign_out(credential)
        assert request is not None
        assert json.loads(request.body) == fields
        assert ("Authorization" in request.headers) is (credential is not None)
    without = Endpoint("/auth", sign_out=route, cookie=False)._requests
    assert without.sign_out(None) is None, "nothing would name the session"
    assert without.sign_out(BARE) is not None


def test_a_token_may_stand_deep_in_the_fields() -> None:
    route = Route("", fields={"flow": "R", "params": {"TOKEN": "{refresh_token}", "list": ["{access_token}", 1, None]}})
    body = sent(Endpoint("/auth", refresh=route)._requests.refresh(HELD))[2]
    assert body == {"flow": "R", "params": {"TOKEN": "refresh", "list": ["access", 1]}}


def test_no_token_is_put_into_what_the_caller_or_a_function_gives() -> None:
    """X7: a cookie that a script of another subdomain has set can't name a token."""
    function = Route("refresh", headers=lambda: {"X-CSRF": "{refresh_token}"}, fields={"a": "{access_token}"})
    endpoint = Endpoint("/auth", refresh=function)._requests
    refresh = endpoint.refresh(HELD)
    assert refresh is not None
    assert refresh.headers["X-CSRF"] == "{refresh_token}"
    assert sent(endpoint.sign_in({"password": "{access_token}"}))[2] == {"password": "{access_token}"}
    tricky = Credential(access_token="{refresh_token}", refresh_token="secret")
    assert sent(endpoint.refresh(tricky))[2] == {"a": "{refresh_token}"}, "filled once"


def test_a_field_of_the_sign_in_stands_where_it_is_named_and_nowhere_else() -> None:
    route = Route("", fields={"variables": {"user": "{username}", "pin": "{pin}", "otp": "{otp}"}, "text": "for {pin}"})
    query = "mutation($user: String){login(user: $user){token}}"
    assert sent(Endpoint("/auth", sign_in=Route("", fields={"query": query}))._requests.sign_in({}))[2] == {
        "query": query
    }
    endpoint = Endpoint("/auth", sign_in=route)._requests
    typed = {"username": "{pin}", "pin": 7, "remember": True}
    assert sent(endpoint.sign_in(typed))[2] == {
        "variables": {"user": "{pin}", "pin": 7},
        "text": "for 7",
        "remember": True,
    }
    for wrong in ("{refreshToken}", "{token}", "{username}"):
        for name in ("refresh", "sign_out"):
            with pytest.raises(ValueError, match="stands for no token"):
                Endpoint("/auth", **{name: Route("x", fields={"deep": [{"t": wrong}]})})  # type: ignore[arg-type]


def test_a_get_has_no_body_and_the_cookie_or_a_header_names_the_session() -> None:
    endpoint = Endpoint("/auth", refresh=Route("me", method="GET"), fields={"client": "page"})._requests
    assert sent(endpoint.refresh(HELD)) == ("GET", "/auth/me", None)
    with pytest.raises(ValueError, match="GET"):
        Endpoint("/auth", refresh=Route("me", method="GET"), cookie=False)
    with pytest.raises(ValueError, match="GET"):
        Endpoint("/auth", sign_in=Route("me", method="GET"))
    by_header = Route("me", method="GET", headers={"Authorization": "Bearer {refresh_token}"})
    assert Endpoint("/auth", refresh=by_header, cookie=False)._requests.refresh(BARE) is None


def test_a_route_has_an_encoding_fields_and_headers_of_its_own_besides_those_of_the_endpoint() -> None:
    route = Route("token", encoding="form", fields={"grant_type": "x", "both": "route"}, headers={"X-Both": "route"})
    endpoint = Endpoint(
        "/auth", sign_in=route, fields={"client_id": "page", "both": "all"}, headers=lambda: {"X-Both": "all", "X": "1"}
    )._requests
    request = endpoint.sign_in({"username": "ada"})
    fields = parse_qs(request.body)
    assert fields == {"client_id": ["page"], "both": ["route"], "grant_type": ["x"], "username": ["ada"]}
    assert (request.headers["X-Both"], request.headers["X"]) == ("route", "1")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(endpoint.sign_out(None).body) == {"client_id": "page", "both": "all"}  # type: ignore[union-attr]
    nested: list[Any] = [{"fields": {"a": {}}}, {"refresh": Route("x", fields={"a": {"b": 1}})}]
    for settings in nested:
        with pytest.raises(TypeError, match="nested"):
            Endpoint("/auth", encoding="form", **settings)
    with pytest.raises(TypeError, match="nested"):
        endpoint.sign_in({"user": {"name": "ada"}})


def test_an_answer_is_read_by_dotted_names_which_may_differ_at_sign_in_and_at_refresh() -> None:
    endpoint = Endpoint(
        "/auth",
        sign_in=Route("login", names={"access_token": "data.session.jwt", "expires_in": "data.session.life"}),
        names={"access_token": "data.access_token", "refresh_token": "data.refresh_token"},
    )._requests
    begun = {"data": {"session": {"jwt": "a", "life": "60"}, "refresh_token": "r"}}
    first = endpoint.read(200, {}, json.dumps(begun), presented=Presented.FIELDS)
    assert (first.access_token, first.refresh_token, first.expires_in) == ("a", "r", 60)
    next_one = endpoint.read(200, {}, '{"data": {"access_token": "b", "refresh_token": "s"}}')
    assert (next_one.access_token, next_one.refresh_token) == ("b", "s")
    assert sent(endpoint.refresh(HELD))[2] == {"refresh_token": "refresh"}, "the last part names it in a request"
    for text in ("{}", '{"data": 7}', '{"data": {"access_token": null}}', "[]"):
        with pytest.raises(MalformedToken, match=r"without an data\.access_token"):
            endpoint.read(200, {}, text)
    with pytest.raises(MalformedToken, match="text"):
        endpoint.read(200, {}, '{"data": {"access_token": {}}}')
    dotted = Endpoint("/auth", names={"access_token": "a.b"})._requests
    assert dotted.read(200, {}, '{"a.b": "t", "a": {"b": "u"}}').access_token == "t", "a member of that very name"


def test_a_token_may_stand_in_a_header_field_of_the_answer() -> None:
    names = {"access_token": "header:authorization", "refresh_token": "header: X-Refresh"}
    endpoint = Endpoint("/auth", names=names)._requests
    from reissue import Headers

    credential = endpoint.read(200, Headers({"Authorization": "bearer  a", "X-Refresh": "r"}), "")
    assert (credential.access_token, credential.refresh_token) == ("a", "r")
    with pytest.raises(MalformedToken, match="Access-Control-Expose-Headers"):
        endpoint.read(200, Headers({}), "{}")
    assert sent(endpoint.refresh(HELD))[2] == {"refresh_token": "refresh"}, "a header field is no name of a member"


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"sign_in": "/auth/login"}, ValueError, "can't begin with '/'"),
        ({"refresh": "//evil.test/x"}, ValueError, "can't begin"),
        ({"refresh": "\\x"}, ValueError, "can't begin"),
        ({"sign_in": "https://id.test/login"}, ValueError, "Route"),
        ({"sign_out": "HTTPS://id.test/login"}, ValueError, "Route"),
        ({"refresh": "x#y"}, ValueError, "fragment"),
        ({"refresh": 7}, TypeError, "path or a Route"),
        ({"names": {"token": "x"}}, ValueError, "names"),
        ({"names": {"access_token": 7}}, TypeError, "text"),
        ({"headers": {"X Y": "1"}}, ValueError, "header"),
        ({"headers": 7}, TypeError, "mapping"),
        ({"fields": {"deep": ["{refresh_token}"]}}, ValueError, "Route's fields"),
        ({"headers": {"Authorization": "Bearer {access_token}"}}, ValueError, "Route's headers"),
        ({"refresh": "refresh/{refresh_token}"}, ValueError, "names no token"),
        ({"tokens": "cookies"}, ValueError, "tokens"),
        ({"tokens": "cookie", "cookie": False}, ValueError, "cookie"),
        ({"tokens": "cookie", "credentials": "omit"}, ValueError, "cookie"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Endpoint("/auth", **settings)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"method": "post"}, ValueError),
        ({"method": "HEAD"}, ValueError),
        ({"encoding": "xml"}, ValueError),
        ({"names": {"jwt": "x"}}, ValueError),
        ({"method": "GET", "fields": {"a": 1}}, ValueError),
        ({"headers": {"X": "line\nbreak"}}, ValueError),
        ({"confirmed_by": 401}, TypeError),
        ({"confirmed_by": ["401"]}, TypeError),
    ],
)
def test_a_route_that_can_not_work_is_refused_at_once(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Route("x", **settings)
    with pytest.raises(ValueError, match="logs"):
        Route("sessions/{refresh_token}")
    with pytest.raises(TypeError, match="text"):
        Route(7)  # type: ignore[arg-type]


def test_settings_that_the_app_changes_later_stay_as_they_were_checked() -> None:
    fields: dict[str, Any] = {"deep": {"token": "{refresh_token}"}}
    names = {"access_token": "jwt"}
    headers = {"X-Refresh": "{refresh_token}"}
    common = {"list": [1]}
    route = Route("refresh", fields=fields, names=names, headers=headers)
    endpoint = Endpoint("/auth", refresh=route, fields=common)._requests
    fields["deep"]["token"] = headers["X-Refresh"] = names["access_token"] = "{token}"
    common["list"].append(2)
    request = endpoint.refresh(HELD)
    assert sent(request)[2] == {"list": [1], "deep": {"token": "refresh"}}
    assert request is not None
    assert request.headers["X-Refresh"] == "refresh"
    assert endpoint.read(200, {}, '{"jwt": "a"}').access_token == "a"


def test_a_route_shows_no_key() -> None:
    """X7"""
    shown = repr(Route("x", fields={"key": "secret"}, headers={"apikey": "secret"}))
    assert "secret" not in shown


# Tokens in cookies


COOKIES = Endpoint("/auth", tokens="cookie")._requests


@pytest.mark.parametrize(
    ("status", "text", "life"),
    [
        (200, "", None),
        (204, "", None),
        (200, '{"expires_in": 60}', 60),
        (201, '{"ok": true}', None),
    ],
)
def test_where_tokens_are_in_cookies_every_success_grants(status: int, text: str, life: float | None) -> None:
    for presented in (Presented.FIELDS, Presented.REFRESH_TOKEN):
        credential = COOKIES.read(status, {"Content-Type": "application/json"}, text, presented=presented)
        assert (credential.in_cookie, credential.refresh_token, credential.expires_in) == (True, None, life)
    assert COOKIES.refresh(credential).body == b"{}", "its name is no token"  # type: ignore[union-attr]


def test_where_tokens_are_in_cookies_no_two_grants_have_the_same_name() -> None:
    assert Credential.in_cookies().access_token != Credential.in_cookies().access_token


def test_a_proxys_page_is_no_cookie_and_a_refusal_under_200_is_one() -> None:
    """F4, F13"""
    with pytest.raises(MalformedToken, match="text/html"):
        COOKIES.read(200, {"Content-Type": "text/html"}, "<html>")
    with pytest.raises(GrantRefused):
        COOKIES.read(200, {}, '{"error": "invalid_grant"}')
    with pytest.raises(GrantRefused):
        COOKIES.read(401, {}, "")


def test_null_says_that_no_user_is_signed_in_only_to_a_get_that_asks() -> None:
    """better-auth's words for that; and those of a FastAPI route that sets a cookie, and returns nothing."""
    asking = Endpoint("/auth", tokens="cookie", refresh=Route("get-session", method="GET"))._requests
    with pytest.raises(GrantRefused, match="invalid_grant"):
        asking.read(200, {"Content-Type": "application/json"}, "null")
    with pytest.raises(RefreshUnavailable):
        asking.read(300, {"Content-Type": "application/json"}, "null")
    assert COOKIES.read(200, {"Content-Type": "application/json"}, "null").in_cookie


def test_a_sign_out_is_confirmed_by_a_success_and_by_nothing_else() -> None:
    assert [status for status in (199, 200, 204, 299, 300, 401) if COOKIES.confirms_sign_out(status)] == [200, 204, 299]


def test_fields_are_sent_to_another_url_by_post() -> None:
    assert sent(COOKIES.post("https://id.test/x", {"a": 1})) == ("POST", "https://id.test/x", {"a": 1})


def test_a_refresh_token_is_sent_by_the_name_that_the_refresh_calls_it() -> None:
    endpoint = Endpoint("/auth", refresh=Route("refresh", names={"refresh_token": "rt"}))._requests
    assert sent(endpoint.refresh(HELD))[2] == {"rt": "refresh"}


def test_what_has_no_body_has_no_type_of_one_and_outlives_its_page() -> None:
    """T7"""
    route = Route("me", method="GET", headers={"X-Key": "k"})
    request = Endpoint("/auth", encoding="form", refresh=route)._requests.refresh(HELD)
    assert request is not None
    assert {name.lower() for name in request.headers} == {"accept", "x-key"}
    assert request.options["keepalive"] is True


# Presets


def test_supabase() -> None:
    """https://supabase.com/docs/reference/self-hosting-auth"""
    endpoint = Endpoint.supabase("https://ref.supabase.co/auth/v1", key="anon")._requests
    request = endpoint.sign_in({"email": "a@b.test"})
    assert (request.url, request.headers["apikey"]) == (
        "https://ref.supabase.co/auth/v1/token?grant_type=password",
        "anon",
    )
    assert sent(endpoint.refresh(HELD))[1:] == (
        "https://ref.supabase.co/auth/v1/token?grant_type=refresh_token",
        {"refresh_token": "refresh"},
    )
    out = endpoint.sign_out(HELD)
    assert out is not None
    assert (out.url, out.headers["Authorization"]) == (
        "https://ref.supabase.co/auth/v1/logout?scope=local",
        "Bearer access",
    )
    everywhere = Endpoint.supabase("/auth/v1", key="anon", everywhere=True)._requests.sign_out(HELD)
    assert everywhere is not None
    assert everywhere.url == "/auth/v1/logout?scope=global"


def test_firebase() -> None:
    """https://firebase.google.com/docs/reference/rest/auth"""
    endpoint = Endpoint.firebase(key="k")._requests
    assert sent(endpoint.sign_in({"email": "e"})) == (
        "POST",
        "https://identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=k",
        {"returnSecureToken": True, "email": "e"},
    )
    request = endpoint.refresh(HELD)
    assert request is not None
    assert request.url == "https://securetoken.googleapis.com/v1/token?key=k"
    assert parse_qs(request.body) == {"grant_type": ["refresh_token"], "refresh_token": ["refresh"]}
    begun = endpoint.read(
        200, {}, '{"idToken": "i", "refreshToken": "r", "expiresIn": "3600"}', presented=Presented.FIELDS
    )
    assert (begun.access_token, begun.refresh_token, begun.expires_in) == ("i", "r", 3600)
    fields = {"id_token": "j", "access_token": "x", "refresh_token": "s", "expires_in": "3600", "token_type": "Bearer"}
    assert endpoint.read(200, {}, json.dumps(fields)).access_token == "j"
    assert endpoint.sign_out(HELD) is None


def test_cognito() -> None:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html"""
    endpoint = Endpoint.cognito(region="eu-west-1", client_id="c")._requests
    request = endpoint.sign_in({"username": "ada", "password": "x"})
    assert request.url == "https://cognito-idp.eu-west-1.amazonaws.com/"
    assert request.headers["X-Amz-Target"] == "AWSCognitoIdentityProviderService.InitiateAuth"
    assert request.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(request.body) == {
        "ClientId": "c",
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": "x"},
    }
    refresh = endpoint.refresh(HELD)
    assert refresh is not None
    assert refresh.headers["X-Amz-Target"].endswith(".GetTokensFromRefreshToken")
    assert json.loads(refresh.body) == {"ClientId": "c", "RefreshToken": "refresh"}
    assert sent(endpoint.sign_out(HELD))[2] == {"ClientId": "c", "Token": "refresh"}
    answer = {"AuthenticationResult": {"AccessToken": "a", "RefreshToken": "r", "ExpiresIn": 60, "TokenType": "Bearer"}}
    assert endpoint.read(200, {}, json.dumps(answer)).refresh_token == "r"
    id_token = Endpoint.cognito(region="r", client_id="c", names={"access_token": "AuthenticationResult.IdToken"})
    answer["AuthenticationResult"]["IdToken"] = "i"
    credential = id_token._requests.read(200, {}, json.dumps(answer))
    assert (credential.access_token, credential.refresh_token) == ("i", "r"), "the other names stay"


def test_a_password_grant() -> None:
    """RFC 6749 sections 4.3.2 and 6, RFC 7009 section 2.1"""
    made = Endpoint.password_grant("https://id.test/oauth", client_id="c", scope="openid", fields={"audience": "api"})
    endpoint = made._requests
    for request, url, fields in (
        (
            endpoint.sign_in({"username": "ada"}),
            "token",
            {"grant_type": "password", "scope": "openid", "username": "ada"},
        ),
        (endpoint.refresh(HELD), "token", {"grant_type": "refresh_token", "refresh_token": "refresh"}),
        (endpoint.sign_out(HELD), "revoke", {"token": "refresh", "token_type_hint": "refresh_token"}),
    ):
        assert request is not None
        assert request.url == f"https://id.test/oauth/{url}"
        sent_fields = {name: value for name, [value] in parse_qs(request.body).items()}
        assert sent_fields == {"client_id": "c", "audience": "api", **fields}
    plain = Endpoint.password_grant("/o", client_id="c", token="token/", revoke=None, cookie=True)._requests
    assert plain.sign_out(HELD) is None
    assert parse_qs(plain.sign_in({}).body) == {"client_id": ["c"], "grant_type": ["password"]}
    assert plain.refresh(None) is not None, "settings replace what a preset says"


def test_settings_are_added_to_a_presets_fields_and_headers() -> None:
    pool = Endpoint.cognito(region="r", client_id="c", fields={"ClientMetadata": {"a": "b"}}, headers={"X": "1"})
    body = sent(pool._requests.sign_in({}))[2]
    assert (body["ClientId"], body["ClientMetadata"]) == ("c", {"a": "b"})
    for headers in ({"X": "1"}, lambda: {"X": "1"}):
        request = Endpoint.supabase("/auth/v1", key="anon", headers=headers)._requests.sign_in({})
        assert (request.headers["apikey"], request.headers["X"]) == ("anon", "1")
    named = Endpoint.simplejwt("/token", names={"expires_in": "life"})._requests
    assert named.read(200, {}, '{"access": "a", "refresh": "r", "life": 7}').expires_in == 7
    with pytest.raises(TypeError, match="mapping"):
        Endpoint.supabase("/auth/v1", key="anon", headers=7)
    with pytest.raises(TypeError):
        Endpoint.cognito(region="r", client_id="c", fields=7)


def test_two_clients_of_one_server_share_no_session() -> None:
    """X10: every user pool of a region has the same URL, and tabs share a session by their endpoint's `refresh_url`."""
    for one, other in (
        [Endpoint.cognito(region="r", client_id=name) for name in ("a", "b")],
        [Endpoint.password_grant("https://id.test", client_id=name) for name in ("a", "b")],
        [Endpoint.firebase(key=name) for name in ("a", "b")],
    ):
        assert one.refresh_url != other.refresh_url
    assert Endpoint.cognito(region="r", client_id="a#?").refresh_url.endswith(".amazonaws.com/#a%23%3F")


def urls_of(endpoint: Endpoint) -> list[tuple[str, str] | None]:
    """Method and path of a sign-in, a refresh and a sign-out."""
    requests = endpoint._requests
    asked = (requests.sign_in({}), requests.refresh(HELD), requests.sign_out(HELD))
    return [None if request is None else (request.method, request.url) for request in asked]


def test_allauth_as_an_app_and_as_a_browser() -> None:
    """https://docs.allauth.org/en/latest/headless/openapi-specification/"""
    app = Endpoint.allauth("/app/v1")
    assert urls_of(app) == [
        ("POST", "/app/v1/auth/login"),
        ("POST", "/app/v1/tokens/refresh"),
        ("DELETE", "/app/v1/auth/session"),
    ]
    begun = {"meta": {"access_token": "a", "refresh_token": "r"}}
    renewed = {"data": {"access_token": "b", "refresh_token": "s"}}
    first = app._requests.read(200, {}, json.dumps(begun), presented=Presented.FIELDS)
    assert (first.access_token, first.refresh_token) == ("a", "r")
    assert app._requests.read(200, {}, json.dumps(renewed)).refresh_token == "s"
    assert app._requests.confirms_sign_out(401)
    browser = Endpoint.allauth("/browser/v1", browser=True, headers={"X-CSRFToken": "c"})
    assert urls_of(browser)[1:] == [("GET", "/browser/v1/auth/session"), ("DELETE", "/browser/v1/auth/session")]
    assert browser._requests.sign_in({}).headers["X-CSRFToken"] == "c"


def test_fastapi_users_with_bearer_tokens_and_with_a_cookie() -> None:
    """https://fastapi-users.github.io/fastapi-users/latest/usage/routes/"""
    bearer = Endpoint.fastapi_users("/auth/jwt")
    assert urls_of(bearer) == [("POST", "/auth/jwt/login"), None, ("POST", "/auth/jwt/logout")]
    out = bearer._requests.sign_out(HELD)
    assert out is not None
    assert out.headers["Authorization"] == "Bearer access"
    assert parse_qs(bearer._requests.sign_in({"username": "ada"}).body) == {"username": ["ada"]}
    cookie = Endpoint.fastapi_users("/auth/cookie", me="https://api.test/users/me")
    assert urls_of(cookie)[1:] == [("GET", "https://api.test/users/me"), ("POST", "/auth/cookie/logout")]


def test_flask_jwt_extended() -> None:
    """https://flask-jwt-extended.readthedocs.io/en/stable/"""
    flask = Endpoint.flask_jwt_extended()
    assert urls_of(flask) == [("POST", "/login"), ("POST", "/refresh"), ("DELETE", "/logout")]
    refresh = flask._requests.refresh(HELD)
    assert refresh is not None
    assert (refresh.headers["Authorization"], refresh.body) == ("Bearer refresh", b"{}")
    assert urls_of(Endpoint.flask_jwt_extended(sign_out=None))[2] is None


def test_better_auth_pocketbase_and_strapi() -> None:
    """https://www.better-auth.com/docs, https://pocketbase.io/docs/api-records/, https://docs.strapi.io/cms/"""
    assert urls_of(Endpoint.better_auth()) == [
        ("POST", "/api/auth/sign-in/email"),
        ("GET", "/api/auth/get-session"),
        ("POST", "/api/auth/sign-out"),
    ]
    pocketbase = Endpoint.pocketbase("/users")
    assert urls_of(pocketbase) == [("POST", "/users/auth-with-password"), ("POST", "/users/auth-refresh"), None]
    assert pocketbase._requests.read(200, {}, '{"token": "t"}').access_token == "t"
    strapi = Endpoint.strapi()
    assert urls_of(strapi) == [("POST", "/api/auth/local"), ("POST", "/api/auth/refresh"), ("POST", "/api/auth/logout")]
    assert sent(strapi._requests.sign_out(HELD))[2] == {"refreshToken": "refresh"}
    assert sent(strapi._requests.refresh(HELD))[2] == {"refreshToken": "refresh"}
