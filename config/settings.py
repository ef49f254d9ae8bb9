"""Every setting, in one file. The environment decides; `docs/configuration.md` tells what each variable means.

A wrong value ends the start with one sentence that names the variable and the remedy.
"""

from datetime import timedelta
from pathlib import Path

import environ
import structlog
from celery.schedules import crontab
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from core import addresses

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")


def needed(variable: str, remedy: str) -> str:
    """Read what has no default."""
    text = env.str(variable, "")
    if not text:
        raise ImproperlyConfigured(f"{variable} is not set: {remedy}.")
    return text


def whole(variable: str, default: int, *, least: int, most: int) -> int:
    """Read a whole number within its limits."""
    text = env.str(variable, str(default))
    if not text.strip().isdecimal() or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{variable} is {text!r}: set it to a whole number from {least} to {most}.")
    return int(text)


def yes_or_no(variable: str) -> bool:
    """Read a switch that is off unless it is switched on in plain words: a misspelt one must not pass for "off"."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False, "": False}
    text = env.str(variable, "").strip().lower()
    if text not in words:
        raise ImproperlyConfigured(f"{variable} is {text!r}: set it to 1 or 0.")
    return words[text]


def postgresql(variable: str) -> dict:
    """Read the database's URL."""
    remedy = "write it as postgresql://user:password@host:5432/database"
    url = needed(variable, remedy)
    try:
        parsed = env.db_url_config(url) if url.startswith(("postgresql://", "postgres://")) else {}
    except ValueError:
        parsed = {}
    if not parsed.get("NAME"):
        raise ImproperlyConfigured(f"{variable} is no address of a PostgreSQL database: {remedy}.")
    return parsed


def one_of(variable: str, default: str, choices: dict[str, object]) -> object:
    """Read a word, and return what it stands for."""
    text = env.str(variable, default).strip().lower()
    if text not in choices:
        raise ImproperlyConfigured(f"{variable} is {text!r}: set it to {', '.join(list(choices)[:-1])} or {list(choices)[-1]}.")
    return choices[text]


# --- What kind of process this is -------------------------------------------------------------------------------

DEBUG = yes_or_no("DEBUG")
TESTING = yes_or_no("VIGIA_TESTING")  # the launcher of faults and benches: shortened time without DEBUG
DEMONSTRATION = DEBUG and not yes_or_no("VIGIA_EMPTY")  # whether pages say that their data is invented
SECRET_KEY = needed("SECRET_KEY", "give it 50 or more random characters")

# --- Where it stands --------------------------------------------------------------------------------------------

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SUPPORT_NAME = env.str("SUPPORT_NAME", "")  # empty: "o suporte", in the reader's language
SUPPORT_CONTACT = env.str("SUPPORT_CONTACT", "")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

# --- Apps -------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_structlog",
    "django_htmx",
    "js_lib_bootstrap5",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "core",
    "tenants",
    "notifications",
    "incidents",
    "channels_app",
]
if DEBUG:
    INSTALLED_APPS.append("demo")

MIDDLEWARE = [
    "channels_app.views.health.Probes",  # before anything that needs a database or an https address
    "django.middleware.security.SecurityMiddleware",
    "core.policy.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    # Until here nobody sees a tenant's row. Its transaction ends here as well: allauth's mails and messages, which wait for
    # that, need the two above.
    "tenants.middleware.ScopeMiddleware",
    "tenants.middleware.SecondFactorMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.logs.RequestMiddleware",
]
if DEBUG:  # which a newcomer's demonstration runs with: errors look as they do in production, and the log tells the rest
    MIDDLEWARE.append("core.errors.NotFoundMiddleware")
DEFAULT_EXCEPTION_REPORTER = "core.errors.Reporter"

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
                "channels_app.frame.frame",
            ],
        },
    },
]

# --- Database and broker ----------------------------------------------------------------------------------------

DATABASES = {
    "default": {
        "CONN_MAX_AGE": 60,  # seconds
        "CONN_HEALTH_CHECKS": True,
        **postgresql("DATABASE_URL"),
        "ATOMIC_REQUESTS": True,  # rolls a failed view back; the scope's own transaction is around it
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = needed("REDIS_URL", "write it as redis://:password@host:6379/0")
CACHES = {
    "default": {  # all processes count attempts to sign in together; nothing else is kept here
        "BACKEND": "core.cache.Cache",
        "LOCATION": [REDIS_URL],  # a plain text would be split at commas
        "KEY_PREFIX": "vigia-cache",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},  # seconds
    }
}

# --- Celery: a doorbell and nothing more. What is due lives in PostgreSQL ----------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TIMEZONE = "UTC"
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # there are no results, so beat needs no task that cleans them up
CELERY_TASK_ACKS_LATE = False  # 5.7.0 dies when the broker is lost while a late acknowledgement is held
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "watch"
CELERY_TASK_ROUTES = {"channels_app.tasks.ring": {"queue": "watch"}, "channels_app.tasks.*": {"queue": "errands"}}
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # the default gives up after three quarters of an hour
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "visibility_timeout": 600,
    "max_retries": 0,  # of one publish: nobody waits for a broker that is away. The worker itself reconnects for ever
}
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"

# --- The watch --------------------------------------------------------------------------------------------------

HEARTBEAT_INTERVAL_SECONDS = whole("HEARTBEAT_INTERVAL_SECONDS", 120, least=1, most=600)  # due.FAR_AHEAD lies beyond it
HEARTBEAT_RECHECK_SECONDS = whole("HEARTBEAT_RECHECK_SECONDS", min(10, HEARTBEAT_INTERVAL_SECONDS), least=1, most=600)
if HEARTBEAT_RECHECK_SECONDS > HEARTBEAT_INTERVAL_SECONDS:  # beyond twice that, each second look would follow a blind gap
    raise ImproperlyConfigured(
        f"HEARTBEAT_RECHECK_SECONDS is {HEARTBEAT_RECHECK_SECONDS}, longer than HEARTBEAT_INTERVAL_SECONDS, so that incidents"
        f" might never resolve: set it to {HEARTBEAT_INTERVAL_SECONDS} or less."
    )
HEARTBEAT_TIMEOUT_SECONDS = whole("HEARTBEAT_TIMEOUT_SECONDS", 8, least=1, most=20)  # a loop must end within its task
# A loop that is wanted elsewhere ends at its second tick, and its last looks a deadline later: well within its task.
HEARTBEAT_TICK_SECONDS = whole("HEARTBEAT_TICK_SECONDS", min(10, HEARTBEAT_INTERVAL_SECONDS), least=1, most=15)
if HEARTBEAT_TICK_SECONDS > HEARTBEAT_INTERVAL_SECONDS:  # beyond three times that, each tick would be the return from an outage
    raise ImproperlyConfigured(
        f"HEARTBEAT_TICK_SECONDS is {HEARTBEAT_TICK_SECONDS}, longer than HEARTBEAT_INTERVAL_SECONDS, so that Vigia would take"
        f" itself for dead: set it to {HEARTBEAT_INTERVAL_SECONDS} or less."
    )
HEARTBEAT_MINUTE_SECONDS = whole("HEARTBEAT_MINUTE_SECONDS", 60, least=1, most=60)
WATCH_THREADS = whole("WATCH_THREADS", 256, least=1, most=1024)
EVOLUTION_ALLOWED_HOSTS = env.list("EVOLUTION_ALLOWED_HOSTS", default=[])
EVOLUTION_LOCALHOST_ALIAS = env.str("EVOLUTION_LOCALHOST_ALIAS", "")
# When the clinics of a dead server are told of it, in minutes after it fell; None: on their pages only
SERVER_DOWN_TELL_CLINICS = one_of("SERVER_DOWN_TELL_CLINICS", "15", {"page": None, "15": 15, "now": 0})
WITNESS_URLS = []
for url in env.list("WITNESS_URLS", default=[]):
    try:
        WITNESS_URLS.append(addresses.rebuild(url.strip()))
    except addresses.AddressError:  # its own sentence is for people, in a language that is not known yet
        remedy = "give whole addresses that begin with https:// or http://, with neither a user name nor a query"
        raise ImproperlyConfigured(f"WITNESS_URLS holds {url!r}: {remedy}.") from None
HEALTHCHECK_PING_URL = env.str("HEALTHCHECK_PING_URL", "")
if HEALTHCHECK_PING_URL and not HEALTHCHECK_PING_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("HEALTHCHECK_PING_URL is no address: give a whole one that begins with https:// or http://.")
if HEARTBEAT_MINUTE_SECONDS != 60 and not (DEBUG or TESTING):
    raise ImproperlyConfigured("HEARTBEAT_MINUTE_SECONDS shortens the clock for demonstrations: remove it in production.")

CELERY_BEAT_SCHEDULE = {
    "ring the watch": {"task": "channels_app.tasks.ring", "schedule": timedelta(seconds=HEARTBEAT_TICK_SECONDS)},
    "prune what is old": {  # in Brazil's small hours
        "task": "channels_app.tasks.prune",
        "schedule": crontab(hour=6, minute=17),
        "options": {"queue": "errands"},
    },
}

# --- Secrets at rest --------------------------------------------------------------------------------------------

FIELD_ENCRYPTION_KEYS = needed("FIELD_ENCRYPTION_KEYS", "give it Fernet keys, the newest first, with commas between").split(",")
try:
    [Fernet(key) for key in FIELD_ENCRYPTION_KEYS]
except ValueError as error:
    raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS holds no Fernet key: give 32 bytes in URL-safe base64.") from error

# --- People -----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "tenants.door.Adapter"
ACCOUNT_FORMS = {"login": "tenants.door.LoginForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # addresses are entered by the operator; there is no signing up
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers get no mail from us
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or second factor is told to its owner
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True  # nobody is asked: the role decides, see tenants.door
# Counted in the cache by address (ip) and by what was typed (key); `login` counts every form that is posted.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "request_login_code": "20/m/ip,3/m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = whole("TRUSTED_PROXIES", 0, least=0, most=10)
MFA_ADAPTER = "tenants.door.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses are entered by the operator
MFA_TOTP_ISSUER = "Vigia"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: a code that was typed in time is not refused because it arrives in the next step
CLINIC_SESSION = timedelta(days=30)
OPERATOR_SESSION = timedelta(hours=12)
SECOND_FACTOR_FOR_OPERATORS = not DEBUG

# --- The admin's look -------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Vigia",
    "SITE_HEADER": "Vigia",
    "SITE_SYMBOL": "cell_tower",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": True,
    "STYLES": [lambda _request: static("admin.css")],
    "SCRIPTS": [lambda _request: static("admin.js")],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {  # emerald
            "50": "#ecfdf5",
            "100": "#d1fae5",
            "200": "#a7f3d0",
            "300": "#6ee7b7",
            "400": "#34d399",
            "500": "#10b981",
            "600": "#047857",
            "700": "#065f46",
            "800": "#065f46",
            "900": "#064e3b",
            "950": "#022c22",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": []},  # empty: by app
}

# --- Mail -------------------------------------------------------------------------------------------------------

_MAIL = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _MAIL.get("EMAIL_HOST") or "localhost", _MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_USER") or "", _MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_TLS", False), _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "vigia@localhost")

# --- Languages and time -----------------------------------------------------------------------------------------

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "America/Sao_Paulo"
USE_TZ = True

# --- Static files -----------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

# --- Manners of the web -----------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # Bootstrap draws carets and ticks as data: images
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
if not DEBUG:
    # Whether a request came by https is gunicorn's to say: it believes X-Forwarded-Proto from FORWARDED_ALLOW_IPS alone.
    SECURE_SSL_REDIRECT = not TESTING
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = not TESTING
    CSRF_COOKIE_SECURE = not TESTING

# --- Logs: one line an event, never a key, a token or a whole phone number ----------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured(f"LOG_LEVEL is {LOG_LEVEL!r}: choose DEBUG, INFO, WARNING or ERROR.")
_SHARED_PROCESSORS = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
            "foreign_pre_chain": _SHARED_PROCESSORS,
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
        # A ring every ten seconds is no news; what came of it is in the flush's line.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *_SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
