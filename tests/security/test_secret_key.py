"""A guessable key would let anyone sign sessions and links, so the server doesn't start with one."""

import secrets
import string
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from accounts.secret_key import strong
from tests.support.server import LiveServer

WEAK = {
    "short": "Zk3vQ9xT7mLw2RbY",
    "of one character": "k" * 60,
    "of a few characters": "abcabcabcabcabcabcabcabcabcabcabcabcabc",
    "Django's": "django-insecure-9x!v2b#q8m@r5t(w1z)k7c&n4h^j6g%f3d$s",
    "of a tutorial": "changeme-changeme-changeme-0123456789",
    "of another tutorial": "your-secret-key-goes-here-0123456789-abc",
}


@pytest.mark.parametrize("key", WEAK.values(), ids=WEAK.keys())
def test_a_weak_key_is_refused_at_the_start_without_repeating_it(tmp_path: Path, key: str) -> None:
    server = LiveServer(tmp_path, SECRET_KEY=key)
    with pytest.raises(RuntimeError) as refused:
        server.manage("check")
    text = str(refused.value)
    assert "manage.py: SECRET_KEY: expected" in text
    assert "Traceback" not in text
    assert key not in text


def test_a_weak_key_in_the_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("too short")
    with pytest.raises(RuntimeError, match="secret_key: expected at least 32 characters"):
        LiveServer(tmp_path).manage("check")


def test_random_keys_are_accepted() -> None:
    for _ in range(200):
        for key in (secrets.token_urlsafe(50), secrets.token_hex(32), get_random_secret_key()):
            assert strong(key, "key") == key


def test_every_length_below_32_is_refused() -> None:
    for length in range(32):
        with pytest.raises(ImproperlyConfigured):
            strong((string.ascii_letters + string.digits)[:length], "key")
