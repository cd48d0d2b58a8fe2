"""Litestar with a JWT in a cookie, as its documentation has it: "JWT Security Backends", "JWT Cookie Auth Backend".

The documentation leaves the password and the sign-out to the app.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.security.jwt import JWTCookieAuth, Token


@dataclass
class User:
    username: str


@dataclass
class Login:
    username: str
    password: str


async def retrieve_user_handler(token: Token, connection: ASGIConnection[Any, Any, Any, Any]) -> User | None:
    return User(token.sub) if token.sub == "ada" else None


jwt_cookie_auth = JWTCookieAuth[User](
    retrieve_user_handler=retrieve_user_handler,
    token_secret="only-for-tests-and-long-enough-for-hs256",
    default_token_expiration=timedelta(seconds=float(os.environ["LIFE"])),
    exclude=["/login", "/logout", "/schema"],
)


@post("/login")
async def login(data: Login) -> Response[User]:
    if (data.username, data.password) != ("ada", "lovelace"):
        raise NotAuthorizedException("Wrong user name or password")
    return jwt_cookie_auth.login(identifier=data.username, response_body=User(data.username))


@post("/logout")
async def logout() -> Response[None]:
    response = Response(None)
    response.delete_cookie(jwt_cookie_auth.key)
    return response


@get("/me")
async def me(request: Request[User, Token, Any]) -> User:
    return User(request.user.username)


@get("/some-path")
async def some_path(request: Request[User, Token, Any]) -> dict[str, str]:
    return {"user": request.user.username}


app = Litestar(
    route_handlers=[login, logout, me, some_path],
    on_app_init=[jwt_cookie_auth.on_app_init],
    cors_config=CORSConfig(allow_origins=[os.environ["PAGE"]], allow_credentials=True),
)
