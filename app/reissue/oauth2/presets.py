"""What `Endpoint`'s presets set: the addresses, names and fields of servers that many apps have.

Loaded when a preset is called, so that other pages need not load it.
"""

from collections.abc import Mapping
from typing import Any, Final

from ..tokens.header_fields import check_headers
from .routes import Route

_COGNITO: Final = "AWSCognitoIdentityProviderService"


def with_settings(preset: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A preset with the app's own settings: `fields`, `headers` and `names` are added, and all others replace.

    So no app loses the preset's client ID or API key because it sends a field of its own.
    """
    merged = {**preset, **settings}
    for name in ("fields", "names"):
        if name in preset and isinstance(settings.get(name), Mapping):
            merged[name] = {**preset[name], **settings[name]}
    fixed, own = preset.get("headers"), settings.get("headers")
    if fixed and isinstance(own, Mapping):
        merged["headers"] = {**fixed, **own}
    elif fixed and callable(own):
        check_headers(own)
        merged["headers"] = lambda: {**fixed, **own()}
    return merged


def simplejwt(*, blacklist: bool) -> dict[str, Any]:
    """https://django-rest-framework-simplejwt.readthedocs.io/en/latest/getting_started.html"""
    return {
        "sign_in": "",
        "refresh": "refresh/",
        "sign_out": "blacklist/" if blacklist else None,
        "cookie": False,
        "names": {"access_token": "access", "refresh_token": "refresh"},
    }


def password_grant(*, client_id: str, token: str, revoke: str | None, scope: str | None) -> dict[str, Any]:
    """RFC 6749 sections 4.3 and 6, and RFC 7009 section 2.1."""
    asked = {"grant_type": "password"} if scope is None else {"grant_type": "password", "scope": scope}
    revoked = {"token": "{refresh_token}", "token_type_hint": "refresh_token"}
    return {
        "sign_in": Route(token, fields=asked),
        "refresh": Route(token, fields={"grant_type": "refresh_token"}),
        "sign_out": None if revoke is None else Route(revoke, fields=revoked),
        "encoding": "form",
        "cookie": False,
        "credentials": "omit",
        "fields": {"client_id": client_id},
    }


def supabase(*, key: str, everywhere: bool) -> dict[str, Any]:
    """https://supabase.com/docs/reference/self-hosting-auth"""
    scope = "global" if everywhere else "local"
    return {
        "sign_in": "token?grant_type=password",
        "refresh": "token?grant_type=refresh_token",
        "sign_out": Route(f"logout?scope={scope}", headers={"Authorization": "Bearer {access_token}"}),
        "cookie": False,
        "credentials": "omit",
        "headers": {"apikey": key},
    }


def firebase(*, key: str) -> dict[str, Any]:
    """https://firebase.google.com/docs/reference/rest/auth, "Sign in with email" and "Exchange a refresh token"."""
    named = {"access_token": "idToken", "refresh_token": "refreshToken", "expires_in": "expiresIn"}
    return {
        "sign_in": Route(f"accounts:signInWithPassword?key={key}", names=named, fields={"returnSecureToken": True}),
        "refresh": Route(
            f"https://securetoken.googleapis.com/v1/token?key={key}",
            encoding="form",
            names={"access_token": "id_token"},
            fields={"grant_type": "refresh_token"},
        ),
        "sign_out": None,
        "cookie": False,
        "credentials": "omit",
    }


def cognito(*, client_id: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/: InitiateAuth, RevokeToken, and
    GetTokensFromRefreshToken, which serves pools that rotate refresh tokens and pools that don't.
    """

    def action(name: str, fields: dict[str, Any]) -> Route:
        return Route("", fields=fields, headers={"X-Amz-Target": f"{_COGNITO}.{name}"})

    names = {"access_token": "AccessToken", "refresh_token": "RefreshToken", "expires_in": "ExpiresIn"}
    named = {**names, "token_type": "TokenType"}
    typed = {"USERNAME": "{username}", "PASSWORD": "{password}"}
    return {
        "sign_in": action("InitiateAuth", {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": typed}),
        "refresh": action("GetTokensFromRefreshToken", {"RefreshToken": "{refresh_token}"}),
        "sign_out": action("RevokeToken", {"Token": "{refresh_token}"}),
        "cookie": False,
        "credentials": "omit",
        "names": {name: f"AuthenticationResult.{theirs}" for name, theirs in named.items()},
        "fields": {"ClientId": client_id},
        "headers": {"Content-Type": "application/x-amz-json-1.1"},
    }


def allauth(*, browser: bool) -> dict[str, Any]:
    """https://docs.allauth.org/en/latest/headless/openapi-specification/, the clients "app" and "browser"."""
    if browser:
        return {
            "tokens": "cookie",
            "sign_in": "auth/login",
            "refresh": Route("auth/session", method="GET"),
            "sign_out": Route("auth/session", method="DELETE", confirmed_by={401}),
        }

    def under(member: str) -> dict[str, str]:
        return {name: f"{member}.{name}" for name in ("access_token", "refresh_token")}

    by_access_token = {"Authorization": "Bearer {access_token}"}
    return {
        "sign_in": Route("auth/login", names=under("meta")),
        "refresh": Route("tokens/refresh", names=under("data")),
        "sign_out": Route("auth/session", method="DELETE", headers=by_access_token, confirmed_by={401}),
        "cookie": False,
    }


def fastapi_users(*, me: str | None) -> dict[str, Any]:
    """https://fastapi-users.github.io/fastapi-users/latest/usage/routes/, the transports "bearer" and "cookie"."""
    if me is not None:
        return {"tokens": "cookie", "encoding": "form", "refresh": Route(me, method="GET")}
    sign_out = Route("logout", headers={"Authorization": "Bearer {access_token}"})
    return {"encoding": "form", "refresh": None, "sign_out": sign_out, "cookie": False}


def flask_jwt_extended() -> dict[str, Any]:
    """https://flask-jwt-extended.readthedocs.io/en/stable/: "Refreshing Tokens" and "JWT Revoking / Blocklist"."""
    by_refresh_token = {"Authorization": "Bearer {refresh_token}"}
    return {
        "refresh": Route("refresh", headers=by_refresh_token),
        "sign_out": Route("logout", method="DELETE", headers=by_refresh_token),
        "cookie": False,
    }


def better_auth() -> dict[str, Any]:
    """https://www.better-auth.com/docs/basic-usage"""
    who = Route("get-session", method="GET")
    return {"tokens": "cookie", "sign_in": "sign-in/email", "refresh": who, "sign_out": "sign-out"}


def pocketbase() -> dict[str, Any]:
    """https://pocketbase.io/docs/api-records/, "Auth record actions"."""
    return {
        "sign_in": "auth-with-password",
        "refresh": Route("auth-refresh", headers={"Authorization": "Bearer {access_token}"}),
        "sign_out": None,
        "cookie": False,
        "names": {"access_token": "token"},
    }


def strapi() -> dict[str, Any]:
    """https://docs.strapi.io/cms/features/users-permissions, with `jwtManagement: "refresh"`."""
    by_access_token = {"Authorization": "Bearer {access_token}"}
    return {
        "sign_in": "local",
        "sign_out": Route("logout", headers=by_access_token, fields={"refreshToken": "{refresh_token}"}),
        "cookie": False,
        "names": {"access_token": "jwt", "refresh_token": "refreshToken"},
    }
