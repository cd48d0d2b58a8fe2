"""django-oauth-toolkit with Django REST framework, as its documentation has it: "Getting started", "Server metadata".

Two public clients, which have no secret that a page would have to keep: one for passwords, one for codes.
"""

import os
from typing import Any

import django_base

FORM = """<!doctype html><title>Sign in</title><link rel="icon" href="data:,">
<form method="post">{% csrf_token %}{{ form }}<button>Sign in</button></form>"""
django_base.configure(
    __name__,
    apps=["django.contrib.sessions", "oauth2_provider"],
    middleware=django_base.SESSIONS,
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": FORM})]},
        }
    ],
    OAUTH2_PROVIDER={
        "SCOPES": {"read": "Read scope", "write": "Write scope"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": int(django_base.LIFE.total_seconds()),
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["oauth2_provider.contrib.rest_framework.OAuth2Authentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)

from django.urls import include, path  # noqa: E402 - needs the settings
from oauth2_provider import urls as oauth2_urls  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402


@api_view()
def me(request: Any) -> Response:
    return Response({"username": request.user.username})


urlpatterns = [
    path("", include((oauth2_urls.metadata_urlpatterns, "oauth2_metadata"))),
    path("o/", include(oauth2_urls)),
    path("accounts/", include("django.contrib.auth.urls")),
    path("api/me", me),
]
app = django_base.application()
Application.objects.create(
    client_id="page",
    client_type=Application.CLIENT_PUBLIC,
    authorization_grant_type=Application.GRANT_PASSWORD,
)
Application.objects.create(
    client_id="code",
    client_type=Application.CLIENT_PUBLIC,
    authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
    redirect_uris=f"{os.environ['PAGE']}/blank.html",
    skip_authorization=True,  # the users of one's own page need not be asked
)
