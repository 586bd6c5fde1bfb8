"""
Settings of the demonstration newspaper, twelve-factor: everything that differs between machines is in the environment.

Without any variable it runs on SQLite under ``var/`` with an in-process broker, for ``./run demo``.
"""

import os
import secrets
from pathlib import Path

import django
import environ
from django.core.exceptions import ImproperlyConfigured

from comments.schedule import BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host not in ("*", "testserver")
]


_loopback = {"localhost", "127.0.0.1", "[::1]", "testserver"}
PUBLIC = not set(ALLOWED_HOSTS) <= _loopback
"""The site answers to a name other machines can use: HTTPS only, and a secret key from the environment."""


def _secret_key() -> str:
    """Return ``SECRET_KEY``, or on this machine alone one that is made once and kept under ``var/``."""
    if key := env.str("SECRET_KEY", default=""):
        return str(key)
    if PUBLIC:
        raise ImproperlyConfigured("Set SECRET_KEY: a site that others can reach needs a secret of its own.")
    file = VAR_DIR / "secret-key"
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text()
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secrets.token_urlsafe(60))
    return file.read_text()


SECRET_KEY = _secret_key()

INSTALLED_APPS = [
    "newsroom.articles",
    "comments",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "comments.http.RequestIdMiddleware",
    "comments.issues.failures.FailureLogMiddleware",
    "newsroom.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "newsroom.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "newsroom.urls"
WSGI_APPLICATION = "newsroom.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "newsroom.articles.context.reader",
            ],
        },
    },
]

# --- Data -------------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'newsroom.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }
    # A file, as in life: threads that share a database in memory do not wait for each other.
    _database["TEST"] = {"NAME": str(VAR_DIR / f"test-{os.getpid()}.sqlite3")}
else:
    _database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)
    _database["CONN_HEALTH_CHECKS"] = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "newsroom.cache.SignInGoesOn",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "newsroom",
            "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Background work: the row is the queue, the broker only makes it fast ---------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL or "memory://localhost/")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = (
    {"polling_interval": 0.02}
    if CELERY_BROKER_URL.startswith("memory")
    else {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "visibility_timeout": 600, "max_retries": 0}
    if CELERY_BROKER_URL.startswith("redis")
    else {}
)
CELERY_BROKER_CONNECTION_TIMEOUT = 0.5
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_TASK_TIME_LIMIT = 30
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_SEND_TASK_EVENTS = False
# A worker keeps its connection from task to task; comments.tasks asks before each whether it still answers.
CELERY_DB_REUSE_MAX = 10_000
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

# --- Comments ---------------------------------------------------------------------------------------------------------

COMMENTS = {
    "REDIS_URL": REDIS_URL,
    "TRUSTED_PROXIES": env.int("TRUSTED_PROXIES", default=0),
    "POSTS_PER_MINUTE": env.int("COMMENTS_POSTS_PER_MINUTE", default=20),
    "FLOOD_COMMENTS": env.int("COMMENTS_FLOOD_COMMENTS", default=40),
    "OWN_DOMAINS": ["estuary-record.example"],
    "CONTACT_EMAIL": "comments@estuary-record.example",
    "SITE_URL": env.str("SITE_URL", default=""),
    "RELEASE": env.str("RELEASE", default=""),
    "ISSUES_PER_HOUR": env.int("COMMENTS_ISSUES_PER_HOUR", default=20),
    "EMBED_ANCESTORS": env.list("COMMENTS_EMBED_ANCESTORS", default=[]),
    "ISSUES_STORED_PER_HOUR": env.int("COMMENTS_ISSUES_STORED_PER_HOUR", default=3),
    "DIGEST_MINUTES": env.int("COMMENTS_DIGEST_MINUTES", default=30),
    "DESK_WEBHOOK_URL": env.str("DESK_WEBHOOK_URL", default=""),
    "DESK_WEBHOOK_SECRET": env.str("DESK_WEBHOOK_SECRET", default=""),
    "DESK_WEBHOOK_TEXT": env.bool("DESK_WEBHOOK_TEXT", default=False),
    "SSO_KEYS": env.json("SSO_KEYS", default={}),
    "SSO_ISSUER": env.str("SSO_ISSUER", default=""),
    "SSO_AUDIENCE": env.str("SSO_AUDIENCE", default=""),
    "SSO_LOGIN_URL": env.str("SSO_LOGIN_URL", default=""),
    "SSO_SESSION_DAYS": env.int("SSO_SESSION_DAYS", default=30),
}

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "newsroom-comments",
    "DESCRIPTION": "Comments, moderation and issue reports of a news site.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

# --- Accounts ---------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_PRESERVE_USERNAME_CASING = True

_email = env.email_url("EMAIL_URL", default="filemail://")
_mail: dict[str, object] = {
    "host": _email.get("EMAIL_HOST") or "localhost",
    "port": _email.get("EMAIL_PORT") or 25,
    "username": _email.get("EMAIL_HOST_USER") or "",
    "password": _email.get("EMAIL_HOST_PASSWORD") or "",
    "use_tls": bool(_email.get("EMAIL_USE_TLS")),
    "use_ssl": bool(_email.get("EMAIL_USE_SSL")),
    # Shorter than a delivery is claimed for, so that a mail server that hangs never gets the same mail twice.
    "timeout": 20,
}
if django.VERSION >= (6, 1):
    if "filebased" in _email["EMAIL_BACKEND"]:
        _mail = {"file_path": str(VAR_DIR / "mail")}
    elif "smtp" not in _email["EMAIL_BACKEND"]:
        _mail = {}
    MAILERS = {"default": {"BACKEND": _email["EMAIL_BACKEND"], "OPTIONS": _mail}}
else:
    EMAIL_BACKEND = _email["EMAIL_BACKEND"]
    EMAIL_FILE_PATH = str(VAR_DIR / "mail")
    EMAIL_HOST, EMAIL_PORT = _mail["host"], _mail["port"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["username"], _mail["password"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["use_tls"], _mail["use_ssl"]
    EMAIL_TIMEOUT = _mail["timeout"]
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="The Estuary Record <comments@estuary-record.example>")

DEMONSTRATION = False
"""Set by the command ``demo``: what was sent is shown at /mail/. See newsroom/sent_mail.py."""

# --- Language, time, files --------------------------------------------------------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
# Each by its own name, since it is chosen by who reads no other.
SHIPPED_LANGUAGES = {
    "en": "English",
    "es": "Español",
    "fr": "Français",
    "de": "Deutsch",
    "ar": "العربية",
    "ko": "한국어",
    "ja": "日本語",
}
LANGUAGES = [
    (code, SHIPPED_LANGUAGES.get(code, code)) for code in env.list("LANGUAGES", default=list(SHIPPED_LANGUAGES))
]
LOCALE_PATHS = [BASE_DIR / "newsroom" / "locale"]
if len(LANGUAGES) == 1:
    # Every page is the same then, whatever a browser prefers, and caches in front need not tell them apart.
    MIDDLEWARE.remove("newsroom.middleware.LanguageMiddleware")
USE_I18N = True
FORMAT_MODULE_PATH = ["newsroom.formats"]
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

SITE_NAME = "The Estuary Record"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "newsroom" / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR_DIR / "media"
# On this machine files are served as they lie; a public site collects them under names that change with their content.
WHITENOISE_USE_FINDERS = not PUBLIC
if PUBLIC:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "newsroom.static_files.HashedFiles"},
    }
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_AUTOREFRESH = DEBUG

# --- Security ---------------------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "newsroom.views.csrf_failure"

HTTPS = env.bool("HTTPS", default=PUBLIC)
if HTTPS:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# --- Logs: ids, never the text of a comment ---------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # One line for each task and tick says nothing that the rows do not say.
    "loggers": {"celery": {"level": "WARNING"}, "kombu": {"level": "WARNING"}},
}

if SENTRY_DSN := env.str("SENTRY_DSN", default=""):
    import sentry_sdk

    sentry_sdk.init(dsn=SENTRY_DSN, send_default_pii=False)
