"""The settings of the Django project; replace them by those of yours."""

import os
import secrets
from pathlib import Path

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or secrets.token_urlsafe()
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
# Migrations of Django are for its own models only; the store has its own, in its own schema.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ.get("SMAPLY_METRICS_HOME", "var")) / "django.db",
    }
}
MIDDLEWARE = ["metrics_errors.MetricsErrors"]
ROOT_URLCONF = "urls"
USE_TZ = True
