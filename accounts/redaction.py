"""Keeps the secrets of invitations, which are part of their addresses, out of the log."""

import logging
import re

_SECRET = re.compile(r"(/invitation/)[^/\s]+")
LOGGERS = ("django.request", "django.security.csrf")  # those of Django that log the address of a request


class Redaction(logging.Filter):
    """Masks the secret wherever an invitation's address is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_SECRET.sub(r"\1…", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def install() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(Redaction())
