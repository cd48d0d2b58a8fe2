"""The JWT login of FastAPI's own tutorial, "OAuth2 with Password (and hashing), Bearer with JWT tokens".

Its routes, its 401s and 400s, with one user; the token's life is a setting, and a page of another origin may call it.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from pydantic import BaseModel

SECRET_KEY = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
ALGORITHM = "HS256"
LIFE = timedelta(seconds=float(os.environ["LIFE"]))


class Token(BaseModel):
    access_token: str
    token_type: str


class User(BaseModel):
    username: str
    disabled: bool | None = None


password_hash = PasswordHash.recommended()
users = {"johndoe": User(username="johndoe")}
hashes = {"johndoe": password_hash.hash("secret")}

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=[os.environ["PAGE"]],
    allow_methods=["*"],
    allow_headers=["Authorization", "Content-Type"],
    expose_headers=["Retry-After"],
)
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


def refused(detail: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> User:
    try:
        return users[jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])["sub"]]
    except (jwt.InvalidTokenError, KeyError):
        raise refused("Could not validate credentials") from None


async def get_current_active_user(user: Annotated[User, Depends(get_current_user)]) -> User:
    if user.disabled:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Inactive user")
    return user


@app.post("/token")
async def login_for_access_token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    if form.username not in users or not password_hash.verify(form.password, hashes[form.username]):
        raise refused("Incorrect username or password")
    claims = {"sub": form.username, "exp": datetime.now(UTC) + LIFE}
    return Token(access_token=jwt.encode(claims, SECRET_KEY, algorithm=ALGORITHM), token_type="bearer")


@app.get("/users/me/")
async def read_users_me(user: Annotated[User, Depends(get_current_active_user)]) -> User:
    return user


@app.get("/users/me/items/")
async def read_own_items(user: Annotated[User, Depends(get_current_active_user)]) -> list[dict[str, str]]:
    return [{"item_id": "Foo", "owner": user.username}]
