"""The wire formats of auth servers that can't run here, one row each, from what their makers publish.

A row says which requests the server knows, what has to be in each, and what it answers; `source` is where that is
documented. `server` acts a row: it refuses what the row doesn't know, and remembers it as an objection.

In texts, `{user}` and `{password}` stand for what the user typed, `{access}` and `{refresh}` for tokens, `{life}` for
the seconds that an access token lives. A member that is a placeholder and nothing else gets the value as it is, so
`"{life}"` is a number, and `"{life:text}"` a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Does = Literal["sign_in", "refresh", "sign_out", "step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer. `body` is JSON; None is an empty body. `cookies` are HttpOnly, and `open_cookies` are not."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    open_cookies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One documented request, what it does, and what is answered.

    `body` has exactly these members, in `encoding`; None means that the body is empty. `headers` have to be there. A
    request without the `cookies` is answered `without_cookie`, or else `refused`: a browser may have none. A "step" is
    part of a sign-in and grants nothing by itself.
    """

    does: Does
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    encoding: str = "json"
    granted: Said = Said()
    refused: Said = Said(status=401)
    without_cookie: Said | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API behind it: one page, which wants a token (or a cookie), and how a token is rejected."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: {"authorization": "Bearer {access}"})
    cookies: Mapping[str, str] = field(default_factory=dict)
    rejected: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One row. `name` is its heading in the documentation of this library.

    `rotates`: a refresh token can be used once. `opaque`: access tokens are no JWTs. `renews_by`: what a refresh
    presents: a refresh token, the access token itself, or a cookie; None if the server renews nothing. `words` are
    those for a wrong password, as `GrantRefused.description` has them; None if the server has none.
    """

    name: str
    source: str
    user: str = "ada@example.com"
    calls: tuple[Call, ...]
    api: Api
    life: int = 3600
    rotates: bool = True
    opaque: bool = False
    renews_by: Literal["token", "access", "cookie"] | None = "token"
    words: str | None


def oauth_error(status: int, error: str, description: str) -> Said:
    """RFC 6749 section 5.2."""
    return Said(status=status, body={"error": error, "error_description": description})


SUPABASE = "https://xyzcompany.supabase.co"
_KEY = {"apikey": "sb_publishable_1234"}
_SUPABASE_SESSION = {
    "access_token": "{access}",
    "token_type": "bearer",
    "expires_in": "{life}",
    "expires_at": "{expires_at}",
    "refresh_token": "{refresh}",
    "user": {"id": "11111111-1111-1111-1111-111111111111", "aud": "authenticated", "email": "{user}"},
}

supabase = Server(
    name="Supabase",
    source="https://github.com/supabase/auth/blob/master/openapi.yaml",  # and its internal/api/errors.go
    calls=(
        Call(
            does="sign_in",
            url=f"{SUPABASE}/auth/v1/token?grant_type=password",
            headers=_KEY,
            body={"email": "{user}", "password": "{password}", "gotrue_meta_security?": {}},
            granted=Said(body=_SUPABASE_SESSION),
            refused=Said(
                status=400,
                body={"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"},
            ),
        ),
        Call(
            does="refresh",
            url=f"{SUPABASE}/auth/v1/token?grant_type=refresh_token",
            headers=_KEY,
            body={"refresh_token": "{refresh}"},
            granted=Said(body=_SUPABASE_SESSION),
            refused=Said(
                status=400,
                body={
                    "code": 400,
                    "error_code": "refresh_token_already_used",
                    "msg": "Invalid Refresh Token: Already Used",
                },
            ),
        ),
        *(
            Call(
                does="sign_out",
                url=f"{SUPABASE}/auth/v1/logout{scope}",
                headers={**_KEY, "authorization": "Bearer {access}"},
                granted=Said(status=204),
            )
            for scope in ("?scope=local", "?scope=global", "")
        ),
    ),
    api=Api(
        url=f"{SUPABASE}/rest/v1/notes",
        headers={**_KEY, "authorization": "Bearer {access}"},
        rejected=Said(status=401, body={"code": "PGRST303", "message": "JWT expired", "details": None, "hint": None}),
    ),
    words="Invalid login credentials",
)


def _firebase_error(message: str) -> Said:
    errors = [{"message": message, "domain": "global", "reason": "invalid"}]
    return Said(status=400, body={"error": {"code": 400, "message": message, "errors": errors}})


firebase = Server(
    name="Firebase",
    source="https://firebase.google.com/docs/reference/rest/auth",
    calls=(
        Call(
            does="sign_in",
            url="https://identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=AIzaSyD-1234",
            body={
                "email": "{user}",
                "password": "{password}",
                "returnSecureToken": True,
                "clientType?": "CLIENT_TYPE_WEB",  # by Firebase's own SDK, as is the next call
            },
            granted=Said(
                body={
                    "kind": "identitytoolkit#VerifyPasswordResponse",
                    "localId": "ZY1rJK0eYLg",
                    "email": "{user}",
                    "displayName": "",
                    "idToken": "{access}",
                    "registered": True,
                    "refreshToken": "{refresh}",
                    "expiresIn": "{life:text}",
                }
            ),
            refused=_firebase_error("INVALID_LOGIN_CREDENTIALS"),
        ),
        Call(
            does="step",
            url="https://identitytoolkit.googleapis.com/v1/accounts:lookup?key=AIzaSyD-1234",
            body={"idToken": "{access}"},
            granted=Said(
                body={
                    "kind": "identitytoolkit#GetAccountInfoResponse",
                    "users": [{"localId": "ZY1rJK0eYLg", "email": "{user}", "emailVerified": False}],
                }
            ),
        ),
        Call(
            does="refresh",
            url="https://securetoken.googleapis.com/v1/token?key=AIzaSyD-1234",
            encoding="form",
            body={"grant_type": "refresh_token", "refresh_token": "{refresh}"},
            granted=Said(
                body={
                    "expires_in": "{life:text}",
                    "token_type": "Bearer",
                    "refresh_token": "{refresh}",
                    "id_token": "{access}",
                    "access_token": "{access}",
                    "user_id": "ZY1rJK0eYLg",
                    "project_id": "1234567890",
                }
            ),
            refused=_firebase_error("TOKEN_EXPIRED"),
        ),
    ),
    api=Api(
        url="https://api.example/notes",
        rejected=Said(status=401, body={"error": "auth/id-token-expired"}),
    ),
    rotates=False,
    words="INVALID_LOGIN_CREDENTIALS",
)


def _cognito(target: str) -> dict[str, str]:
    return {
        "x-amz-target": f"AWSCognitoIdentityProviderService.{target}",
        "content-type": "application/x-amz-json-1.1",
    }


def _cognito_result(**more: str) -> Said:
    tokens = {"ExpiresIn": "{life}", "TokenType": "Bearer", **more}
    return Said(
        body={"AuthenticationResult": tokens, "ChallengeParameters": {}},
        headers={"content-type": "application/x-amz-json-1.1"},
    )


def _not_authorized(message: str) -> Said:
    return Said(
        status=400,
        body={"__type": "NotAuthorizedException", "message": message},
        headers={"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": "NotAuthorizedException:"},
    )


def _cognito_calls(access: str, other: str) -> tuple[Call, ...]:
    """`access` is the member that the API wants: the access token, or the ID token."""
    url = "https://cognito-idp.eu-central-1.amazonaws.com/"
    client = {"ClientId": "1example23456789"}
    tokens = {access: "{access}", other: "another-token"}
    return (
        Call(
            does="sign_in",
            url=url,
            headers=_cognito("InitiateAuth"),
            body={
                "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": "{user}", "PASSWORD": "{password}"},
                **client,
            },
            granted=_cognito_result(**tokens, RefreshToken="{refresh}"),
            refused=_not_authorized("Incorrect username or password."),
        ),
        # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetTokensFromRefreshToken.html:
        # it serves all pools, and answers without a refresh token where rotation is off, as here.
        Call(
            does="refresh",
            url=url,
            headers=_cognito("GetTokensFromRefreshToken"),
            body={"RefreshToken": "{refresh}", **client},
            granted=_cognito_result(**tokens),
            refused=_not_authorized("Invalid Refresh Token"),
        ),
        Call(
            does="sign_out",
            url=url,
            headers=_cognito("RevokeToken"),
            body={"Token": "{refresh}", **client},
            granted=Said(headers={"content-type": "application/x-amz-json-1.1"}),
        ),
    )


cognito = Server(
    name="Amazon Cognito",
    source="https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html",
    user="ada",
    calls=_cognito_calls("AccessToken", "IdToken"),
    api=Api(
        url="https://api.example/notes",
        rejected=Said(status=401, body={"message": "Unauthorized"}),
    ),
    rotates=False,
    words="Incorrect username or password.",
)

api_gateway = Server(
    name="Amazon API Gateway",
    source="https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html",
    user="ada",
    calls=_cognito_calls("IdToken", "AccessToken"),
    api=Api(
        url="https://a1b2c3.execute-api.eu-central-1.amazonaws.com/prod/notes",
        headers={"authorization": "{access}"},
        rejected=Said(status=401, body={"message": "The incoming token has expired"}),
    ),
    rotates=False,
    words="Incorrect username or password.",
)

KEYCLOAK = "https://id.example/realms/notes/protocol/openid-connect"

keycloak = Server(
    name="Keycloak",
    source="https://www.keycloak.org/securing-apps/oidc-layers",  # its errors: ValidatePassword.java, TokenManager.java
    user="ada",
    calls=(
        Call(
            does="sign_in",
            url=f"{KEYCLOAK}/token",
            encoding="form",
            body={
                "grant_type": "password",
                "client_id": "notes",
                "username": "{user}",
                "password": "{password}",
                "scope?": "openid",
            },
            granted=Said(
                body={
                    "access_token": "{access}",
                    "expires_in": "{life}",
                    "refresh_expires_in": 1800,
                    "refresh_token": "{refresh}",
                    "token_type": "Bearer",
                    "not-before-policy": 0,
                    "session_state": "22222222-2222-2222-2222-222222222222",
                    "scope": "email profile",
                }
            ),
            refused=oauth_error(401, "invalid_grant", "Invalid user credentials"),
        ),
        Call(
            does="refresh",
            url=f"{KEYCLOAK}/token",
            encoding="form",
            body={"grant_type": "refresh_token", "client_id": "notes", "refresh_token": "{refresh}"},
            granted=Said(
                body={
                    "access_token": "{access}",
                    "expires_in": "{life}",
                    "refresh_expires_in": 1800,
                    "refresh_token": "{refresh}",
                    "token_type": "Bearer",
                    "scope": "email profile",
                }
            ),
            refused=oauth_error(400, "invalid_grant", "Token is not active"),
        ),
        Call(
            does="sign_out",
            url=f"{KEYCLOAK}/revoke",
            encoding="form",
            body={"client_id": "notes", "token": "{refresh}", "token_type_hint?": "refresh_token"},
        ),
        Call(
            does="sign_out",
            url=f"{KEYCLOAK}/logout",
            encoding="form",
            body={"client_id": "notes", "refresh_token": "{refresh}"},
            granted=Said(status=204),
        ),
    ),
    api=Api(url="https://api.example/notes", rejected=Said(status=401, headers={"www-authenticate": "Bearer"})),
    life=300,
    words="Invalid user credentials",
)

auth0 = Server(
    name="Auth0",
    source="https://auth0.com/docs/api/authentication#resource-owner-password",
    calls=(
        Call(
            does="sign_in",
            url="https://notes.eu.auth0.com/oauth/token",
            encoding="form",
            body={
                "grant_type": "password",
                "client_id": "notes",
                "username": "{user}",
                "password": "{password}",
                "audience": "https://api.example/",
                "scope": "offline_access",
            },
            granted=Said(
                body={
                    "access_token": "{access}",
                    "refresh_token": "{refresh}",
                    "token_type": "Bearer",
                    "expires_in": "{life}",
                    "scope": "offline_access",
                }
            ),
            refused=oauth_error(403, "invalid_grant", "Wrong email or password."),
        ),
        Call(
            does="refresh",
            url="https://notes.eu.auth0.com/oauth/token",
            encoding="form",
            body={
                "grant_type": "refresh_token",
                "client_id": "notes",
                "refresh_token": "{refresh}",
                "audience?": "https://api.example/",
                "scope?": "offline_access",
            },
            granted=Said(
                body={
                    "access_token": "{access}",
                    "refresh_token": "{refresh}",
                    "token_type": "Bearer",
                    "expires_in": "{life}",
                    "scope": "offline_access",
                }
            ),
            refused=oauth_error(403, "invalid_grant", "Unknown or invalid refresh token."),
        ),
        Call(
            does="sign_out",
            url="https://notes.eu.auth0.com/oauth/revoke",
            encoding="json",
            body={
                "client_id": "notes",
                "token": "{refresh}",
                "token_type_hint?": "refresh_token",
                "audience?": "https://api.example/",
                "scope?": "offline_access",
            },
        ),
    ),
    api=Api(
        url="https://api.example/notes",
        rejected=Said(status=401, headers={"www-authenticate": 'Bearer error="invalid_token"'}),
    ),
    life=86400,
    words="Wrong email or password.",
)

pocketbase = Server(
    name="PocketBase",
    source="https://pocketbase.io/docs/api-records/#auth-record-actions",
    calls=(
        Call(
            does="sign_in",
            url="https://pb.example/api/collections/users/auth-with-password",
            body={"identity": "{user}", "password": "{password}"},
            granted=Said(body={"token": "{access}", "record": {"id": "8171022dc95a4ed", "email": "{user}"}}),
            refused=Said(status=400, body={"data": {}, "message": "Failed to authenticate.", "status": 400}),
        ),
        Call(
            does="refresh",
            url="https://pb.example/api/collections/users/auth-refresh",
            headers={"authorization": "Bearer {access}"},
            granted=Said(body={"token": "{access}", "record": {"id": "8171022dc95a4ed", "email": "{user}"}}),
            refused=Said(
                status=401,
                body={
                    "data": {},
                    "message": "The request requires valid record authorization token.",
                    "status": 401,
                },
            ),
        ),
    ),
    api=Api(
        url="https://pb.example/api/collections/notes/records",
        rejected=Said(
            status=401,
            body={"data": {}, "message": "The request requires valid record authorization token.", "status": 401},
        ),
    ),
    life=604800,
    rotates=False,
    renews_by="access",
    words="Failed to authenticate.",
)


def _strapi_error(status: int, name: str, message: str) -> Said:
    error = {"status": status, "name": name, "message": message, "details": {}}
    return Said(status=status, body={"data": None, "error": error})


strapi = Server(
    name="Strapi 5",
    source="https://docs.strapi.io/cms/features/users-permissions#session-management-endpoints",
    calls=(
        Call(
            does="sign_in",
            url="https://cms.example/api/auth/local",
            body={"identifier": "{user}", "password": "{password}"},
            granted=Said(
                body={
                    "jwt": "{access}",
                    "refreshToken": "{refresh}",
                    "user": {"id": 1, "username": "ada", "email": "{user}"},
                }
            ),
            refused=_strapi_error(400, "ValidationError", "Invalid identifier or password"),
        ),
        Call(
            does="refresh",
            url="https://cms.example/api/auth/refresh",
            body={"refreshToken": "{refresh}"},
            granted=Said(body={"jwt": "{access}", "refreshToken": "{refresh}"}),
            refused=_strapi_error(401, "UnauthorizedError", "Invalid refresh token"),
        ),
        Call(
            does="sign_out",
            url="https://cms.example/api/auth/logout",
            headers={"authorization": "Bearer {access}"},
            body={"refreshToken": "{refresh}"},  # without it, a JWT names the session
            granted=Said(body={"ok": True}),
            refused=_strapi_error(401, "UnauthorizedError", "Missing authentication"),
        ),
    ),
    api=Api(
        url="https://cms.example/api/notes",
        rejected=_strapi_error(401, "UnauthorizedError", "Missing or invalid credentials"),
    ),
    words="Invalid identifier or password",
)


def _directus_error(status: int, code: str, message: str) -> Said:
    return Said(status=status, body={"errors": [{"message": message, "extensions": {"code": code}}]})


directus = Server(
    name="Directus",
    source="https://directus.io/docs/guides/auth/email-login",
    calls=(
        Call(
            does="sign_in",
            url="https://cms.example/auth/login",
            body={"email": "{user}", "password": "{password}"},
            granted=Said(
                body={"data": {"expires": "{life:ms}", "refresh_token": "{refresh}", "access_token": "{access}"}}
            ),
            refused=_directus_error(401, "INVALID_CREDENTIALS", "Invalid user credentials."),
        ),
        Call(
            does="refresh",
            url="https://cms.example/auth/refresh",
            body={"refresh_token": "{refresh}"},
            granted=Said(
                body={"data": {"expires": "{life:ms}", "refresh_token": "{refresh}", "access_token": "{access}"}}
            ),
            refused=_directus_error(401, "INVALID_CREDENTIALS", "Invalid user credentials."),
        ),
        Call(
            does="sign_out",
            url="https://cms.example/auth/logout",
            body={"refresh_token": "{refresh}"},
            granted=Said(status=204),
        ),
    ),
    api=Api(url="https://cms.example/items/notes", rejected=_directus_error(401, "TOKEN_EXPIRED", "Token expired.")),
    life=900,
    words="Invalid user credentials.",
)

_DIRECTUS_COOKIE = {"directus_refresh_token": "{refresh}"}

directus_cookie = Server(
    name="Directus, with its cookie",
    source="https://directus.io/docs/guides/auth/email-login#refreshing-a-cookie",
    calls=(
        Call(
            does="sign_in",
            url="https://cms.example/auth/login",
            body={"email": "{user}", "password": "{password}", "mode": "cookie"},
            granted=Said(body={"data": {"expires": "{life:ms}", "access_token": "{access}"}}, cookies=_DIRECTUS_COOKIE),
            refused=_directus_error(401, "INVALID_CREDENTIALS", "Invalid user credentials."),
        ),
        Call(
            does="refresh",
            url="https://cms.example/auth/refresh",
            cookies=_DIRECTUS_COOKIE,
            body={"mode": "cookie"},
            granted=Said(body={"data": {"expires": "{life:ms}", "access_token": "{access}"}}, cookies=_DIRECTUS_COOKIE),
            refused=_directus_error(401, "INVALID_CREDENTIALS", "Invalid user credentials."),
            without_cookie=_directus_error(
                400,
                "INVALID_PAYLOAD",
                "Invalid payload. The refresh token is required in either the payload or cookie.",
            ),
        ),
        Call(
            does="sign_out",
            url="https://cms.example/auth/logout",
            cookies=_DIRECTUS_COOKIE,
            body={"mode": "cookie"},
            granted=Said(status=204),
        ),
    ),
    api=Api(url="https://cms.example/items/notes", rejected=_directus_error(401, "TOKEN_EXPIRED", "Token expired.")),
    life=900,
    words="Invalid user credentials.",
)

_PROJECT = {"x-appwrite-project": "notes"}
_APPWRITE_COOKIE = {"a_session_notes": "{refresh}"}


def _appwrite_error(status: int, kind: str, message: str) -> Said:
    return Said(status=status, body={"message": message, "code": status, "type": kind, "version": "1.9.2"})


appwrite = Server(
    name="Appwrite",
    source="https://appwrite.io/docs/references/cloud/client-web/account#createJWT",  # and appwrite/sdk-for-web
    calls=(
        Call(
            does="step",
            url="https://cloud.example/v1/account/sessions/email",
            headers=_PROJECT,
            body={"email": "{user}", "password": "{password}"},
            granted=Said(
                status=201,
                body={"$id": "5e5ea5c16897e", "userId": "5e5bb8c16897e", "provider": "email", "secret": ""},
                cookies=_APPWRITE_COOKIE,
            ),
            refused=_appwrite_error(
                401, "user_invalid_credentials", "Invalid credentials. Please check the email and password."
            ),
        ),
        Call(
            does="refresh",
            url="https://cloud.example/v1/account/jwts",
            headers=_PROJECT,
            cookies=_APPWRITE_COOKIE,
            granted=Said(status=201, body={"jwt": "{access}"}),
            refused=_appwrite_error(
                401, "general_unauthorized_scope", 'User (role: guests) missing scopes (["account"])'
            ),
        ),
        Call(
            does="sign_out",
            method="DELETE",
            url="https://cloud.example/v1/account/sessions/current",
            headers=_PROJECT,
            cookies=_APPWRITE_COOKIE,
            granted=Said(status=204),
        ),
    ),
    api=Api(
        url="https://api.example/notes",
        headers={"x-appwrite-jwt": "{access}"},
        rejected=_appwrite_error(401, "user_jwt_invalid", "Failed to verify JWT. Invalid token: Expired"),
    ),
    life=900,
    rotates=False,
    renews_by="cookie",
    words="Invalid credentials. Please check the email and password.",
)


def _nhost_error(error: str, message: str) -> Said:
    return Said(status=401, body={"status": 401, "message": message, "error": error})


_NHOST_SESSION = {
    "accessToken": "{access}",
    "accessTokenExpiresIn": "{life}",
    "refreshToken": "{refresh}",
    "refreshTokenId": "2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24",
    "user": {"id": "33333333-3333-3333-3333-333333333333", "email": "{user}"},
}

nhost = Server(
    name="Nhost (Hasura Auth)",
    source="https://github.com/nhost/hasura-auth/blob/main/docs/openapi.yaml",
    calls=(
        Call(
            does="sign_in",
            url="https://notes.auth.eu-central-1.nhost.run/v1/signin/email-password",
            body={"email": "{user}", "password": "{password}"},
            granted=Said(body={"session": _NHOST_SESSION, "mfa": None}),
            refused=_nhost_error("invalid-email-password", "Incorrect email or password"),
        ),
        Call(
            does="refresh",
            url="https://notes.auth.eu-central-1.nhost.run/v1/token",
            body={"refreshToken": "{refresh}"},
            granted=Said(body=_NHOST_SESSION),
            refused=_nhost_error("invalid-refresh-token", "Invalid or expired refresh token"),
        ),
        Call(
            does="sign_out",
            url="https://notes.auth.eu-central-1.nhost.run/v1/signout",
            body={"refreshToken": "{refresh}"},
            granted=Said(body="OK"),
        ),
    ),
    # GraphQL answers 200 for a token that it rejects.
    api=Api(
        url="https://notes.hasura.eu-central-1.nhost.run/v1/graphql",
        method="POST",
        rejected=Said(
            status=200,
            body={
                "errors": [
                    {
                        "extensions": {"path": "$", "code": "invalid-jwt"},
                        "message": "Could not verify JWT: JWTExpired",
                    }
                ]
            },
        ),
    ),
    life=900,
    words="Incorrect email or password",
)

_KRATOS = "https://notes.projects.oryapis.com"

kratos = Server(
    name="Ory Kratos",
    source="https://www.ory.com/docs/kratos/self-service/flows/user-login",  # and …/identities/session-to-jwt-cors
    calls=(
        Call(
            does="step",
            method="GET",
            url=f"{_KRATOS}/self-service/login/api",
            granted=Said(
                body={
                    "id": "a2d6e166",
                    "type": "api",
                    "ui": {"action": f"{_KRATOS}/self-service/login?flow=a2d6e166", "method": "POST"},
                }
            ),
        ),
        Call(
            does="step",
            url=f"{_KRATOS}/self-service/login?flow=a2d6e166",
            body={"method": "password", "identifier": "{user}", "password": "{password}"},
            granted=Said(body={"session_token": "{refresh}", "session": {"id": "44444444", "active": True}}),
            refused=Said(
                status=400,
                body={
                    "id": "a2d6e166",
                    "ui": {
                        "messages": [
                            {
                                "id": 4000006,
                                "text": "The provided credentials are invalid, check for spelling mistakes in your "
                                "password or username, email address, or phone number.",
                                "type": "error",
                                "context": {},
                            }
                        ]
                    },
                },
            ),
        ),
        Call(
            does="refresh",
            method="GET",
            url=f"{_KRATOS}/sessions/whoami?tokenize_as=notes",
            headers={"x-session-token": "{refresh}"},
            granted=Said(body={"id": "44444444", "active": True, "tokenized": "{access}"}),
            refused=Said(
                status=401,
                body={
                    "error": {
                        "code": 401,
                        "status": "Unauthorized",
                        "reason": "No valid session credentials found in the request.",
                        "message": "The request could not be authorized",
                    }
                },
            ),
        ),
        Call(
            does="sign_out",
            method="DELETE",
            url=f"{_KRATOS}/self-service/logout/api",
            body={"session_token": "{refresh}"},
            granted=Said(status=204),
        ),
    ),
    api=Api(url="https://api.example/notes", rejected=Said(status=401)),
    life=60,
    rotates=False,
    words="The provided credentials are invalid, check for spelling mistakes in your password or username, email "
    "address, or phone number.",
)

jhipster = Server(
    name="Spring Security, as JHipster has it",
    source="https://github.com/jhipster/jhipster-sample-app/blob/main/src/main/java/io/github/jhipster/sample/web/rest/"
    "AuthenticateController.java",
    user="ada",
    calls=(
        Call(
            does="sign_in",
            url="https://app.example/api/authenticate",
            body={"username": "{user}", "password": "{password}"},
            granted=Said(body={"id_token": "{access}"}, headers={"authorization": "Bearer {access}"}),
            refused=Said(
                status=401,
                body={
                    "type": "https://www.jhipster.tech/problem/problem-with-message",
                    "title": "Unauthorized",
                    "status": 401,
                    "detail": "Bad credentials",
                    "path": "/api/authenticate",
                    "message": "error.http.401",
                },
                headers={"content-type": "application/problem+json"},
            ),
        ),
    ),
    api=Api(
        url="https://app.example/api/notes",
        rejected=Said(
            status=401, headers={"www-authenticate": 'Bearer error="invalid_token", error_description="Jwt expired"'}
        ),
    ),
    life=86400,
    renews_by=None,
    words="Bad credentials",
)

_UNAUTHORIZED = Said(
    status=401,
    body={
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.2",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Failed",
    },
    headers={"content-type": "application/problem+json"},
)
_IDENTITY_TOKENS = {
    "tokenType": "Bearer",
    "accessToken": "{access}",
    "expiresIn": "{life}",
    "refreshToken": "{refresh}",
}

aspnet = Server(
    name="ASP.NET Core Identity",
    source="https://learn.microsoft.com/aspnet/core/security/authentication/identity-api-authorization",
    calls=(
        Call(
            does="sign_in",
            url="https://api.example/login",
            body={"email": "{user}", "password": "{password}"},
            granted=Said(body=_IDENTITY_TOKENS),
            refused=_UNAUTHORIZED,
        ),
        Call(
            does="refresh",
            url="https://api.example/refresh",
            body={"refreshToken": "{refresh}"},
            granted=Said(body=_IDENTITY_TOKENS),
            refused=Said(status=401, headers={"www-authenticate": "Bearer"}),
        ),
    ),
    api=Api(url="https://api.example/notes", rejected=Said(status=401, headers={"www-authenticate": "Bearer"})),
    rotates=False,
    opaque=True,
    words="Failed",
)

_IDENTITY_COOKIE = {".AspNetCore.Identity.Application": "{refresh}"}

aspnet_cookie = Server(
    name="ASP.NET Core Identity, with its cookie",
    source="https://learn.microsoft.com/aspnet/core/security/authentication/identity-api-authorization#log-out",
    calls=(
        Call(
            does="sign_in",
            url="https://api.example/login?useCookies=true",
            body={"email": "{user}", "password": "{password}"},
            granted=Said(cookies=_IDENTITY_COOKIE),
            refused=_UNAUTHORIZED,
        ),
        Call(
            does="refresh",
            method="GET",
            url="https://api.example/manage/info",
            cookies=_IDENTITY_COOKIE,
            granted=Said(body={"email": "{user}", "isEmailConfirmed": True}),
            refused=Said(status=401),
        ),
        Call(
            does="sign_out",
            url="https://api.example/logout",
            cookies=_IDENTITY_COOKIE,
            body={},  # the documentation's own route wants one, against CSRF
        ),
    ),
    api=Api(url="https://api.example/notes", headers={}, cookies=_IDENTITY_COOKIE, rejected=Said(status=401)),
    rotates=False,
    renews_by="cookie",
    words="Failed",
)

_LARAVEL_COOKIE = {"laravel_session": "{refresh}"}
_XSRF = {"x-xsrf-token": "eyJpdiI6IjEifQ=="}  # URL-decoded
_UNAUTHENTICATED = Said(status=401, body={"message": "Unauthenticated."})


def _laravel_error(field_name: str, message: str) -> Said:
    return Said(status=422, body={"message": message, "errors": {field_name: [message]}})


sanctum = Server(
    name="Laravel Sanctum",
    source="https://laravel.com/docs/13.x/sanctum#spa-authentication",
    calls=(
        Call(
            does="step",
            method="GET",
            url="https://app.example/sanctum/csrf-cookie",
            granted=Said(status=204, open_cookies={"XSRF-TOKEN": "eyJpdiI6IjEifQ%3D%3D"}),
        ),
        Call(
            does="sign_in",
            url="https://app.example/login",
            headers=_XSRF,
            body={"email": "{user}", "password": "{password}"},
            granted=Said(body={"two_factor": False}, cookies=_LARAVEL_COOKIE),
            refused=_laravel_error("email", "These credentials do not match our records."),
        ),
        Call(
            does="refresh",
            method="GET",
            url="https://app.example/api/user",
            cookies=_LARAVEL_COOKIE,
            granted=Said(body={"id": 1, "email": "{user}"}),
            refused=_UNAUTHENTICATED,
        ),
        Call(
            does="sign_out",
            url="https://app.example/logout",
            headers=_XSRF,
            cookies=_LARAVEL_COOKIE,
            granted=Said(status=204),
        ),
    ),
    api=Api(url="https://app.example/api/notes", headers=_XSRF, cookies=_LARAVEL_COOKIE, rejected=_UNAUTHENTICATED),
    rotates=False,
    renews_by="cookie",
    words="These credentials do not match our records.",
)

_PASSPORT_TOKENS = {
    "token_type": "Bearer",
    "expires_in": "{life}",
    "access_token": "{access}",
    "refresh_token": "{refresh}",
}

passport = Server(
    name="Laravel Passport",
    source="https://laravel.com/docs/13.x/passport#password-grant",
    calls=(
        Call(
            does="sign_in",
            url="https://app.example/oauth/token",
            encoding="form",
            body={
                "grant_type": "password",
                "client_id": "notes",
                "username": "{user}",
                "password": "{password}",
                "scope?": "",
            },
            granted=Said(body=_PASSPORT_TOKENS),
            refused=oauth_error(400, "invalid_grant", "The user credentials were incorrect."),
        ),
        Call(
            does="refresh",
            url="https://app.example/oauth/token",
            encoding="form",
            body={"grant_type": "refresh_token", "client_id": "notes", "refresh_token": "{refresh}", "scope?": ""},
            granted=Said(body=_PASSPORT_TOKENS),
            refused=oauth_error(400, "invalid_grant", "The refresh token is invalid."),
        ),
    ),
    api=Api(url="https://app.example/api/notes", rejected=_UNAUTHENTICATED),
    words="The user credentials were incorrect.",
)

nestjs = Server(
    name="NestJS, as its documentation has it",
    source="https://docs.nestjs.com/security/authentication",
    user="john",
    calls=(
        Call(
            does="sign_in",
            url="https://api.example/auth/login",
            body={"username": "{user}", "password": "{password}"},
            granted=Said(status=200, body={"access_token": "{access}"}),
            refused=Said(status=401, body={"message": "Unauthorized", "statusCode": 401}),
        ),
    ),
    api=Api(
        url="https://api.example/auth/profile",
        rejected=Said(status=401, body={"message": "Unauthorized", "statusCode": 401}),
    ),
    life=60,
    renews_by=None,
    words="Unauthorized",
)

devise = Server(
    name="Rails, with devise-jwt",
    source="https://github.com/waiting-for-dev/devise-jwt#readme",
    calls=(
        Call(
            does="sign_in",
            url="https://api.example/users/sign_in",
            body={"user": {"email": "{user}", "password": "{password}"}},
            granted=Said(status=201, body={"id": 1, "email": "{user}"}, headers={"authorization": "Bearer {access}"}),
            refused=Said(status=401, body={"error": "Invalid Email or password."}),
        ),
        Call(
            does="sign_out",
            method="DELETE",
            url="https://api.example/users/sign_out",
            headers={"authorization": "Bearer {access}"},
            granted=Said(status=204),
        ),
    ),
    api=Api(
        url="https://api.example/notes",
        rejected=Said(status=401, body={"error": "You need to sign in or sign up before continuing."}),
    ),
    renews_by=None,
    words="Invalid Email or password.",
)

SERVERS = (
    supabase,
    firebase,
    cognito,
    api_gateway,
    keycloak,
    auth0,
    pocketbase,
    strapi,
    directus,
    directus_cookie,
    appwrite,
    nhost,
    kratos,
    jhipster,
    aspnet,
    aspnet_cookie,
    sanctum,
    passport,
    nestjs,
    devise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An OAuth 2.0 server of which only the metadata differs. `metadata` is below its `issuer`'s own origin.

    `revokes`: it has an endpoint for that. `line` is how a page names it.
    """

    name: str
    source: str
    line: str
    issuer: str
    metadata: Mapping[str, str]
    revokes: bool = True


def _provider(name: str, source: str, line: str, issuer: str, base: str, **metadata: str) -> Provider:
    named = {f"{name}_endpoint" if name != "jwks" else "jwks_uri": f"{base}{path}" for name, path in metadata.items()}
    return Provider(
        name=name, source=source, line=line, issuer=issuer, metadata=named, revokes="revocation" in metadata
    )


PROVIDERS = (
    _provider(
        "Keycloak",
        "https://www.keycloak.org/securing-apps/oidc-layers",
        'Endpoint.oauth2("https://id.example/realms/notes", client_id="notes")',
        "https://id.example/realms/notes",
        KEYCLOAK,
        authorization="/auth",
        token="/token",
        revocation="/revoke",
        end_session="/logout",
        jwks="/certs",
    ),
    _provider(
        "Auth0",
        "https://auth0.com/docs/api/authentication",
        'Endpoint.oauth2("https://notes.eu.auth0.com/", client_id="notes", '
        'parameters={"audience": "https://api.example/"})',
        "https://notes.eu.auth0.com/",
        "https://notes.eu.auth0.com",
        authorization="/authorize",
        token="/oauth/token",
        revocation="/oauth/revoke",
        end_session="/oidc/logout",
        jwks="/.well-known/jwks.json",
    ),
    _provider(
        "Microsoft Entra ID",
        "https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc",
        'Endpoint.oauth2("https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0", '
        'client_id="notes", scope="openid offline_access api://notes/read", '
        'metadata={"revocation_endpoint": None})',
        "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
        "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490",
        authorization="/oauth2/v2.0/authorize",
        token="/oauth2/v2.0/token",
        end_session="/oauth2/v2.0/logout",
        jwks="/discovery/v2.0/keys",
    ),
    _provider(
        "Okta",
        "https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/",
        'Endpoint.oauth2("https://notes.okta.com/oauth2/default", client_id="notes")',
        "https://notes.okta.com/oauth2/default",
        "https://notes.okta.com/oauth2/default/v1",
        authorization="/authorize",
        token="/token",
        revocation="/revoke",
        end_session="/logout",
        jwks="/keys",
    ),
    _provider(
        "Zitadel",
        "https://zitadel.com/docs/apis/openidoauth/endpoints",
        'Endpoint.oauth2("https://notes.zitadel.cloud", client_id="notes")',
        "https://notes.zitadel.cloud",
        "https://notes.zitadel.cloud",
        authorization="/oauth/v2/authorize",
        token="/oauth/v2/token",
        revocation="/oauth/v2/revoke",
        end_session="/oidc/v1/end_session",
        jwks="/oauth/v2/keys",
    ),
    _provider(
        "authentik",
        "https://docs.goauthentik.io/add-secure-apps/providers/oauth2/",
        'Endpoint.oauth2("https://auth.example/application/o/notes/", client_id="notes")',
        "https://auth.example/application/o/notes/",
        "https://auth.example/application/o",
        authorization="/authorize/",
        token="/token/",
        revocation="/revoke/",
        end_session="/notes/end-session/",
        jwks="/notes/jwks/",
    ),
)
