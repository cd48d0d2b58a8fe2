"""django-allauth headless, as its documentation has it: "Installation", "Tokens" (JWT), "Django REST framework".

Both clients are served: `app` with JWTs, `browser` with Django's session cookie.
"""

from typing import Any

import django_base
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
django_base.configure(
    __name__,
    apps=["django.contrib.sessions", "allauth", "allauth.account", "allauth.headless"],
    middleware=[*django_base.SESSIONS, "allauth.account.middleware.AccountMiddleware"],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    ACCOUNT_EMAIL_VERIFICATION="none",
    HEADLESS_ONLY=True,
    HEADLESS_TOKEN_STRATEGY="allauth.headless.tokens.strategies.jwt.JWTTokenStrategy",
    HEADLESS_JWT_PRIVATE_KEY=key.decode(),
    HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN=int(django_base.LIFE.total_seconds()),
    HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED=True,  # a sign-out ends the access token, too
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            # First, so that the API answers 401, and not 403, where no user is signed in.
            "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication",
            "rest_framework.authentication.SessionAuthentication",
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)

from django.urls import include, path  # noqa: E402 - needs the settings
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402


@api_view(["GET", "POST"])
def me(request: Any) -> Response:
    return Response({"username": request.user.username})


urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/me", me),
]
app = django_base.application()
