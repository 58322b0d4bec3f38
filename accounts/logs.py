"""Logging: masks secrets in URLs (invitations, sign-in links, codes, tickets), and writes the audit log's own file."""

import logging
import os
import re
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler

# A link's secret, up to the next slash; text that looks like one of our secrets; the value of a secret parameter.
_SECRETS = (
    re.compile(r"(/(?:invitation|sign-in/link)/)[^/?\s]+", re.IGNORECASE),
    re.compile(r"(\bag[a-z]_)[\w-]{16,}"),
    re.compile(r"([?&;](?:ticket|token|secret|link|code|next)=)[^&;\s]+", re.IGNORECASE),
)
LOGGERS = ("django.request", "django.security.csrf")  # Django's loggers that log request paths


def redacted(address: str) -> str:
    """`address` with its secrets masked."""
    for secret in _SECRETS:
        address = secret.sub(r"\1…", address)
    return address


class Redaction(logging.Filter):
    """Masks secrets in logged addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redacted(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def install() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(Redaction())


class AuditFile(WatchedFileHandler):
    """The audit log as JSON lines, for log shippers: readable only by its owner, reopened after rotation."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", write_through=True)
