"""What the Django servers have in common: a database in memory, one user, and a page of another origin."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application

LIFE = timedelta(seconds=float(os.environ["LIFE"]))
SESSIONS = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)


def configure(urls: str, *, apps: Sequence[str], middleware: Sequence[str] = (), **more: Any) -> None:
    """Set Django up for one file: `urls` is the name of the module that has the `urlpatterns`."""
    settings.configure(
        SECRET_KEY="only-for-tests-and-long-enough-for-hs256",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=urls,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "corsheaders", "rest_framework", *apps],
        MIDDLEWARE=["corsheaders.middleware.CorsMiddleware", "django.middleware.common.CommonMiddleware", *middleware],
        CORS_ALLOWED_ORIGINS=[os.environ["PAGE"]],
        CORS_ALLOW_CREDENTIALS=True,
        CSRF_TRUSTED_ORIGINS=[os.environ["PAGE"]],
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
        USE_TZ=True,
        **more,
    )
    django.setup()


def application() -> Any:
    """The ASGI application, over a database with ada in it."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_user("ada", password="lovelace")
    return get_asgi_application()
