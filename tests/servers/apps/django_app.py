"""Django REST framework with SimpleJWT: rotation and blacklist on, the addresses of its documentation, two users.

Below `api/auth/` the refresh token is in a cookie, as dj-rest-auth has it.

In one file, as an ASGI application over a database in memory.
"""

import os
from datetime import timedelta
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only-for-tests-and-long-enough-for-hs256",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "corsheaders",
        "rest_framework",
        "rest_framework_simplejwt.token_blacklist",
    ],
    MIDDLEWARE=["corsheaders.middleware.CorsMiddleware", "django.middleware.common.CommonMiddleware"],
    CORS_ALLOWED_ORIGINS=[os.environ["PAGE"]],
    CORS_ALLOW_CREDENTIALS=True,
    # One database for all threads of this process: by a name of its own, in memory.
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "file:reissue?mode=memory&cache=shared",
            "OPTIONS": {"uri": True},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # fast: no test is about hashing
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
    SIMPLE_JWT={
        "ACCESS_TOKEN_LIFETIME": timedelta(seconds=float(os.environ["LIFE"])),
        "ROTATE_REFRESH_TOKENS": True,
        "BLACKLIST_AFTER_ROTATION": True,
        "UPDATE_LAST_LOGIN": False,
    },
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - needs the settings
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework_simplejwt.views import (  # noqa: E402
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
)


@api_view()
def me(request: Any) -> Response:
    return Response({"username": request.user.username})


@api_view(["POST"])
def notes(request: Any) -> Response:
    return Response({"author": request.user.username}, status=201)


class InCookie:
    """A view of SimpleJWT whose refresh token goes into a cookie, and into no body."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)  # type: ignore[misc]
        if token := response.data.pop("refresh", None):
            response.set_cookie("refresh", token, httponly=True, samesite="Strict", path="/api/auth/")
        return response


class CookieLogin(InCookie, TokenObtainPairView):
    pass


class CookieRefresh(InCookie, TokenRefreshView):
    def get_serializer(self, **kwargs: Any) -> Any:
        return super().get_serializer(data={"refresh": self.request.COOKIES.get("refresh", "")})


urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/blacklist/", TokenBlacklistView.as_view()),
    path("api/auth/login/", CookieLogin.as_view()),
    path("api/auth/refresh/", CookieRefresh.as_view()),
    path("api/me", me),
    path("api/notes", notes),
]
call_command("migrate", verbosity=0)
User.objects.create_user("ada", password="lovelace")
User.objects.create_user("grace", password="hopper")
app = get_asgi_application()
