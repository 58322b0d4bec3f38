"""Tells values that may be secrets from placeholders, words, code and other harmless text."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter

_TEMPLATE = re.compile(
    r"\$\d+|\$[A-Za-z_]\w*(?:(?:::|->|[.\[-]).*)?|\$\{.*|\$\(.*|\$\[.*|<.*>?|\{.*\}|\{\{.*|\[.*|%\(?\w*\)?[sdrfv]|%\w+%|%\{.*|@\w+@|#\{.*",
    re.ASCII | re.DOTALL,
)
_INTERPOLATED = re.compile(r"\$\{|\{\{|#\{|\{[A-Za-z_][\w.\[\]()]*\}|%[sdr](?!\w)|%\(\w+\)s|\{\}|\{:", re.ASCII)
# What follows a string that ends where a value was expected, as in `"password: ".format(…)`.
_AFTER_STRING = re.compile(r"\.\w+\(|[,;)\]+%&|?] |[)\]};,]|\s", re.ASCII)
_STOP_WORDS = (
    "example",
    "changeme",
    "change-me",
    "change_me",
    "your",
    "placeholder",
    "dummy",
    "redacted",
    "replace",
    "sample",
    "fixme",
    "todo",
    "xxxx",
    "****",
    "....",
    "…",
    "abcdefghijklmnop",
)
# Values of a password that aren't one.
COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        password passwd passphrase secret token string required optional hidden disabled enabled undefined default
        incorrect invalid missing expired forgotten wrong unknown correct credentials prompt number boolean false
        nullable varchar bytes unchanged bcrypt argon2 argon2id scrypt pbkdf2 sha256 sha512 base64
        """,
    )
)
_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w./\\@ +-]*|[\w.-]+(?:/[\w.-]+)+\.\w{1,5}", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+", re.ASCII)
# Words such as my-app-token2, each with at most two digits.
_CAMEL_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WORDS = re.compile(r"[\^~]?[A-Za-z]+\d{0,2}(?:[-_.:/ ][A-Za-z]*\d{0,2})*", re.ASCII)
_HASH = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64})|[0-9a-fA-F]{7,12}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LETTERS = re.compile(r"[-_/.,:|]*[^\W\d]+(?:[-_/.,:|][^\W\d]*)*")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,8}")
# An identifier of JavaScript or Perl, as in `token = token$1.value`.
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\$[\w$.]*", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)
_LETTER = re.compile(r"[A-Za-z]")


def entropy(value: str) -> float:
    """Shannon's entropy in bits per character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def is_placeholder(value: str) -> bool:
    """Whether the value stands for another one: a template, `<token>`, `your-key-here`, `****`."""
    lower = value.lower()
    return (
        len(set(value)) <= 2
        or _TEMPLATE.fullmatch(value) is not None
        or _INTERPOLATED.search(value) is not None
        or any(word in lower for word in _STOP_WORDS)
    )


def is_code_after(value: str) -> bool:
    """Whether a value in quotes is what follows a string, whose end was taken for the beginning of another."""
    return _AFTER_STRING.match(value) is not None


def is_path(value: str) -> bool:
    """Whether the value is the path of a file or a URL."""
    return "://" in value or _PATH.fullmatch(value) is not None


def is_code(value: str) -> bool:
    """Whether an unquoted value is an expression of a programming language."""
    return _DOTTED.fullmatch(value) is not None or any(mark in value for mark in "()[]{}")


def is_password(value: str, plain_word: bool) -> bool:
    """Whether the value of something named password is one. `plain_word`: even if it has only letters."""
    if len(value) < 6 or is_placeholder(value) or is_path(value) or value.lower() in COMMON or _NUMBER.fullmatch(value):
        return False
    if " " in value:
        # Prose, such as a label or an error message, unless a word looks like part of a password.
        return any(_DIGIT.search(word) and not word.strip(".,:;!?()").isdigit() for word in value.split())
    return plain_word or _LETTERS.fullmatch(value) is None


def is_token(value: str, least: int = 10) -> bool:
    """Whether the value of something named token, secret or API key is one."""
    if len(value) < least or " " in value or not (_DIGIT.search(value) and _LETTER.search(value)):
        return False
    if is_placeholder(value) or is_path(value) or _is_name(value):
        return False
    return entropy(value) >= (2.5 if len(value) < 16 else 3.0)


def _is_name(value: str) -> bool:
    return bool(_WORDS.fullmatch(value) or _IDENTIFIER.fullmatch(value)) or _is_camel_case(value)


def _is_camel_case(value: str) -> bool:
    """Whether the value is a name such as pkcs12PrivateKeyTypes: words, and hardly any digits."""
    words = _CAMEL_WORD.findall(value)
    letters = sum(map(len, words))
    digits = sum(character.isdigit() for character in value)
    return (
        value.isalnum()
        and len(words) > 1
        and digits <= 3
        and letters + digits == len(value)
        and letters >= 3.5 * len(words)
    )


def is_key(value: str) -> bool:
    """Whether the value of something merely named key is a secret key, rather than one of a mapping or a cache."""
    return (
        len(value) >= 20
        and is_token(value)
        and entropy(value) >= 3.5
        and not _HASH.fullmatch(value)
        and not _UUID.fullmatch(value)
        and value.count(":") < 2
        and value.count("/") < 4
    )


def is_random(value: str) -> bool:
    """Whether the value, whatever its name, looks random rather than like words."""
    return is_token(value, 16) and not _HASH.fullmatch(value) and not _UUID.fullmatch(value)


def is_basic(value: str) -> bool:
    """Whether the value is base64 of `user:password`."""
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in plain and plain.isprintable()
