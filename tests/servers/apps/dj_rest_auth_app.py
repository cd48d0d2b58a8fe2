"""dj-rest-auth with JWTs in cookies, as its documentation has it: "Installation", "JSON Web Token (JWT) support"."""

from typing import Any

import django_base

django_base.configure(
    __name__,
    apps=["rest_framework_simplejwt.token_blacklist", "dj_rest_auth"],
    REST_AUTH={
        "USE_JWT": True,
        "JWT_AUTH_COOKIE": "my-app-auth",
        "JWT_AUTH_REFRESH_COOKIE": "my-refresh-token",
        "SESSION_LOGIN": False,
        "TOKEN_MODEL": None,
    },
    SIMPLE_JWT={
        "ACCESS_TOKEN_LIFETIME": django_base.LIFE,
        "ROTATE_REFRESH_TOKENS": True,
        "BLACKLIST_AFTER_ROTATION": True,
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["dj_rest_auth.jwt_auth.JWTCookieAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)

from django.urls import include, path  # noqa: E402 - needs the settings
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402


@api_view(["GET", "POST"])
def me(request: Any) -> Response:
    return Response({"username": request.user.username})


urlpatterns = [path("dj-rest-auth/", include("dj_rest_auth.urls")), path("api/me", me)]
app = django_base.application()
