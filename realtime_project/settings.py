"""Settings: everything an operator may change comes from the environment (docs/reference/settings.md lists it)."""

import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from accounts.secret_key import derived_key, generated_key, strong

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _network(given: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(given)
    except ValueError as error:
        raise ImproperlyConfigured(f"WEBHOOK_NETWORKS: expected networks like 10.1.0.0/16: {error}") from None


DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

KEY_FILE = DATA_DIR / "secret_key"
if given := env.str("SECRET_KEY", default=""):
    SECRET_KEY = strong(given, "SECRET_KEY")
else:
    SECRET_KEY = strong(generated_key(KEY_FILE), str(KEY_FILE))
SECRET_KEY_FALLBACKS = [strong(old, "SECRET_KEY_FALLBACKS") for old in env.list("SECRET_KEY_FALLBACKS", default=[])]
DEBUG = env.bool("DEBUG", default=False)

HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=sorted({"localhost", "127.0.0.1", "[::1]", HOST}))
# Full origins (https://app.example.com) of other front ends; the server's own origin is always allowed.
ALLOWED_ORIGINS = env.list("ALLOWED_ORIGINS", default=[])

# Where people and other systems reach this server; empty: http://HOST:PORT.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
if PUBLIC_URL and not PUBLIC_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"PUBLIC_URL: expected an address like https://agents.example.com, got {PUBLIC_URL!r}")
# Networks beside the public internet that webhooks may reach, such as 10.1.0.0/16, also unencrypted.
WEBHOOK_NETWORKS = [_network(given) for given in env.list("WEBHOOK_NETWORKS", default=[])]
# After the first failed attempt to deliver; the pauses grow to 720 times as much.
WEBHOOK_RETRY_SECONDS = env.float("WEBHOOK_RETRY_SECONDS", default=5.0)

# An agent that isn't running and has been silent for this many days is archived; 0: never.
AGENT_ARCHIVE_DAYS = env.float("AGENT_ARCHIVE_DAYS", default=14.0)
WORKSPACE_AGENTS = env.int("WORKSPACE_AGENTS", default=20_000)

# Of one agent; one attachment has at most 10 MiB.
AGENT_ATTACHMENTS = env.int("AGENT_ATTACHMENTS", default=5_000)
AGENT_ATTACHMENT_BYTES = env.int("AGENT_ATTACHMENT_BYTES", default=524_288_000)
WORKSPACE_ATTACHMENT_BYTES = env.int("WORKSPACE_ATTACHMENT_BYTES", default=10_737_418_240)
# Another Django storage, such as storages.backends.s3.S3Storage, and its options as JSON.
ATTACHMENT_STORAGE = env.str("ATTACHMENT_STORAGE", default="")
ATTACHMENT_STORAGE_OPTIONS = env.json("ATTACHMENT_STORAGE_OPTIONS", default={})
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "attachments": (
        {"BACKEND": ATTACHMENT_STORAGE, "OPTIONS": ATTACHMENT_STORAGE_OPTIONS}
        if ATTACHMENT_STORAGE
        else {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": DATA_DIR / "attachments",
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    ),
}

# Quotas; 0: unlimited. Superusers may create any number of workspaces.
WORKSPACE_CREATION = env.str("WORKSPACE_CREATION", default="everyone")
if WORKSPACE_CREATION not in ("everyone", "staff", "superusers"):
    raise ImproperlyConfigured(
        f"WORKSPACE_CREATION: expected everyone, staff or superusers, got {WORKSPACE_CREATION!r}"
    )
WORKSPACES_PER_USER = env.int("WORKSPACES_PER_USER", default=20)
WORKSPACE_EVENTS_PER_DAY = env.int("WORKSPACE_EVENTS_PER_DAY", default=20_000_000)
WORKSPACE_BYTES_PER_DAY = env.int("WORKSPACE_BYTES_PER_DAY", default=5_000_000_000)
PUBLISH_EVENTS_PER_SECOND = env.float("PUBLISH_EVENTS_PER_SECOND", default=10_000.0)
PUBLISH_BYTES_PER_SECOND = env.float("PUBLISH_BYTES_PER_SECOND", default=20_000_000.0)
HTTP_CALLS_PER_SECOND = env.float("HTTP_CALLS_PER_SECOND", default=500.0)

INSTALLED_APPS = [
    "streams",  # before daphne: its `runserver` serves with our server class
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "corsheaders",
    "csp",
    "ninja",
    "accounts",
    "workspaces",
    "agents",
    "search",
    "notifications",
    "realtime_project",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "realtime_project.middleware.refuse_nul",
    "realtime_project.middleware.no_store",
    "realtime_project.middleware.CompressedPageMiddleware",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "accounts.middleware.ValidSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.actor_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.ThrottleMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "realtime_project.urls"
ASGI_APPLICATION = "realtime_project.asgi.application"
TEST_RUNNER = "realtime_project.test_runner.PytestRunner"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

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
                "realtime_project.views.version",
            ]
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """The DATABASES entry for `url`, with the options the log relies on."""
    config: dict[str, Any] = environ.Env.db_url_config(url)
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # WAL: readers never wait for the writer. IMMEDIATE: a transaction that will write takes the lock when it
        # begins, so two writers queue up instead of one failing half-way with "database is locked".
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=20,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        )
        # Opening a connection costs more than most reads, and closing the last one copies the WAL into the database.
        config["CONN_MAX_AGE"] = None
        config["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # a file: live servers open it too
    else:
        config["CONN_HEALTH_CHECKS"] = True
        # A short wait, so that callers get an error before their own timeout while the database is down.
        # (reconnect_timeout ends the pool's growing pauses between attempts; the next caller starts over.)
        options["pool"] = {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL", default=10),
            "timeout": 2,
            "reconnect_timeout": 2,
        }
    return config


DATABASES = {"default": _database(env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}

REDIS_URL = env.str("REDIS_URL", default="")
CHANNEL_LAYERS: dict[str, Any] = {
    "default": (
        {
            "BACKEND": "streams.layers.redis.SharedLayer",
            "CONFIG": {
                "hosts": [{"address": url} for url in REDIS_URL.split(",")],
                # The first encrypts; messages under any of them are read.
                "symmetric_encryption_keys": [
                    derived_key(key, "channel layer") for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS)
                ],
            },
        }
        if REDIS_URL
        else {"BACKEND": "streams.layers.local.LocalLayer", "CONFIG": {"capacity": 10_000, "group_expiry": 10**9}}
    )
}

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
# Wrong passwords for one account from one address until the next has to wait, and the longest wait in seconds.
SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", default=5)
SIGN_IN_WAIT = env.float("SIGN_IN_WAIT", default=900.0)
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"

# Behind a TLS proxy set HTTPS=1: cookies are then never sent unencrypted, and the proxy's scheme is trusted.
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
CORS_ALLOW_CREDENTIALS = bool(ALLOWED_ORIGINS)
CORS_URLS_REGEX = r"^/api/.*$"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # the admin and the API pages draw their icons from data: URLs
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

STATIC_URL = "/static/"
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static", ("clients/js", BASE_DIR / "clients" / "js")]
STATICFILES_FINDERS = [
    "realtime_project.static.PublicFilesFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
# Files are served from where they lie: no collectstatic step between a checkout and a running server, which compresses
# them itself (realtime_project/static.py).
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

AUDIT_DAYS = env.float("AUDIT_DAYS", default=365)  # for which an entry of the audit log is kept; 0: forever
# A file for the audit log's lines, which otherwise go to standard error unless that is a terminal.
AUDIT_LOG = env.str("AUDIT_LOG", default="")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "none": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO").upper()},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},  # a 4xx is the client's error and is in the access log
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "daphne": {"level": "WARNING"},
        # It logs a traceback every second while Redis is down; streams.broker logs the start and end of an outage.
        "channels_redis": {"level": "CRITICAL"},
        "psycopg.pool": {"level": "ERROR"},
        "asyncio": {"level": "WARNING"},
        "agentstream.audit": {"level": "INFO"},  # whatever LOG_LEVEL says
    },
}
if AUDIT_LOG:
    LOGGING["formatters"]["bare"] = {"format": "%(message)s"}
    LOGGING["handlers"]["audit"] = {"class": "accounts.logs.AuditFile", "filename": AUDIT_LOG, "formatter": "bare"}
    LOGGING["loggers"]["agentstream.audit"] |= {"handlers": ["audit"], "propagate": False}
elif sys.stderr.isatty():
    LOGGING["loggers"]["agentstream.audit"] |= {"handlers": ["none"], "propagate": False}

# The stream engine's settings; streams/conf.py has the defaults and describes each.
STREAMS: dict[str, Any] = {}
