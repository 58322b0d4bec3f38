"""Encrypts what must be read again, such as the secrets that sign, with a key derived from SECRET_KEY."""

import base64
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from accounts.secret_key import derived_key

PREFIX = "whsec_"  # of Standard Webhooks
SECRET_BYTES = 32


class UnreadableError(Exception):
    """It was encrypted under a SECRET_KEY that is neither this one nor among SECRET_KEY_FALLBACKS."""


def seal(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises UnreadableError."""
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnreadableError from None


def new_secret() -> str:
    """A secret as Standard Webhooks has them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(derived_key(secret, "webhooks"))
