"""fastapi-users over SQLAlchemy, as its documentation has it ("Full example"): JWTs as bearers, and in a cookie.

Neither is renewed.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, CookieTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import StaticPool

SECRET = "only-for-tests-and-long-enough-for-hs256"
LIFE = int(os.environ["LIFE"])


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class UserRead(schemas.BaseUser[uuid.UUID]):
    pass


class UserUpdate(schemas.BaseUserUpdate):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
session_maker = async_sessionmaker(engine, expire_on_commit=False)


async def get_async_session() -> AsyncIterator[AsyncSession]:
    async with session_maker() as session:
        yield session


async def get_user_manager(session: Annotated[AsyncSession, Depends(get_async_session)]) -> AsyncIterator[UserManager]:
    yield UserManager(SQLAlchemyUserDatabase(session, User))


def get_jwt_strategy() -> JWTStrategy[User, uuid.UUID]:
    return JWTStrategy(secret=SECRET, lifetime_seconds=LIFE)


bearer = AuthenticationBackend(
    name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=get_jwt_strategy
)
cookie = AuthenticationBackend(
    name="cookie",
    transport=CookieTransport(cookie_secure=False),  # True where there is HTTPS
    get_strategy=get_jwt_strategy,
)
fastapi_users = FastAPIUsers[User, uuid.UUID](get_user_manager, [bearer, cookie])
current_active_user = fastapi_users.current_user(active=True)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with session_maker() as session:
        manager = UserManager(SQLAlchemyUserDatabase(session, User))
        await manager.create(schemas.BaseUserCreate(email="ada@example.com", password="lovelace"))
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(
    CORSMiddleware,
    allow_origins=[os.environ["PAGE"]],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["Authorization"],
)
app.include_router(fastapi_users.get_auth_router(bearer), prefix="/auth/jwt")
app.include_router(fastapi_users.get_auth_router(cookie), prefix="/auth/cookie")
app.include_router(fastapi_users.get_users_router(UserRead, UserUpdate), prefix="/users")


@app.get("/authenticated-route")
async def authenticated_route(user: Annotated[User, Depends(current_active_user)]) -> dict[str, str]:
    return {"message": f"Hello {user.email}!"}
