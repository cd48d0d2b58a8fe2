"""The JWT login of FastAPI's own tutorial, "OAuth2 with Password (and hashing), Bearer with JWT tokens".

Shortened to one user; the token's life is a setting, and a page of another origin may call it.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel

SECRET_KEY = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
ALGORITHM = "HS256"
LIFE = timedelta(seconds=float(os.environ["LIFE"]))
PASSWORDS = {"ada": "lovelace"}


class Token(BaseModel):
    access_token: str
    token_type: str


app = FastAPI()
app.add_middleware(
    CORSMiddleware, allow_origins=[os.environ["PAGE"]], allow_methods=["*"], allow_headers=["Authorization"]
)
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


async def current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> str:
    refused = HTTPException(
        status_code=status.HTTP_401_UNAUTHORIZED,
        detail="Could not validate credentials",
        headers={"WWW-Authenticate": "Bearer"},
    )
    try:
        return str(jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])["sub"])
    except jwt.InvalidTokenError:
        raise refused from None


@app.post("/token")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    if PASSWORDS.get(form.username) != form.password:
        raise HTTPException(
            status_code=status.HTTP_401_UNAUTHORIZED,
            detail="Incorrect username or password",
            headers={"WWW-Authenticate": "Bearer"},
        )
    claims = {"sub": form.username, "exp": datetime.now(UTC) + LIFE}
    return Token(access_token=jwt.encode(claims, SECRET_KEY, algorithm=ALGORITHM), token_type="bearer")


@app.get("/items/")
@app.get("/api/me")
async def me(user: Annotated[str, Depends(current_user)]) -> dict[str, str]:
    return {"username": user}
