"""The secret key, which signs sessions and links: generated on first use, and refused if weak."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured

MIN_LENGTH = 32
MIN_CHARACTERS = 10  # distinct ones
KNOWN = ("insecure", "changeme", "change-me", "change_me", "secret-key", "secret_key", "secretkey", "your-", "example")


def generated_key(path: Path) -> str:
    """The key in `path`, generated on first use, so that there is no default key to forget to change."""
    if not path.exists():
        # Written to a temporary file and linked into place: of several processes starting at once, only one creates
        # the key, and none reads half of it. mkstemp makes the file readable only by its owner.
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text()


def strong(key: str, source: str) -> str:
    """`key`. Raises ImproperlyConfigured, whose message doesn't contain it, if it is weak."""
    length, characters = len(key), len(set(key))
    if length < MIN_LENGTH or characters < MIN_CHARACTERS:
        got = f"{length} characters, {characters} of them different"
        problem = f"expected at least {MIN_LENGTH} characters, {MIN_CHARACTERS} of them different; got {got}"
    elif found := next((word for word in KNOWN if word in key.lower()), None):
        problem = f"expected a random key, got one with {found!r} in it"
    else:
        return key
    raise ImproperlyConfigured(f"{source}: {problem}. If you leave it unset, one is generated.")


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, which reveals neither the secret key nor the keys for other purposes."""
    return HKDF(SHA256(), length=32, salt=None, info=f"agentstream {purpose}".encode()).derive(secret.encode())
