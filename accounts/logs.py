"""Keeps secrets in URLs (invitations, sign-in links, tickets) out of the logs."""

import logging
import re

# A link's secret, up to the next slash; what looks like one of our secrets; the value of a parameter that holds one.
_SECRETS = (
    re.compile(r"(/(?:invitation|sign-in/link)/)[^/?\s]+", re.IGNORECASE),
    re.compile(r"(\bag[a-z]_)[\w-]{16,}"),
    re.compile(r"([?&;](?:ticket|token|secret|link|next)=)[^&;\s]+", re.IGNORECASE),
)
LOGGERS = ("django.request", "django.security.csrf")  # those of Django that log the address of a request


def redacted(address: str) -> str:
    """`address` with its secrets masked."""
    for secret in _SECRETS:
        address = secret.sub(r"\1…", address)
    return address


class Redaction(logging.Filter):
    """Masks the secrets wherever an address is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redacted(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def install() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(Redaction())
