"""Tells by the name of a variable, option or field whether its value is secret."""

from __future__ import annotations

import re
from enum import Enum


class Strength(Enum):
    """How much a name says about its value."""

    PASSWORD = "password"  # any value is secret, except words
    TOKEN = "token"  # a value that looks random is secret
    KEY = "key"  # many values are harmless: keys of mappings, caches, databases


# What names contain, and the kind that is shown.
WORDS = {
    "passphrase": ("passphrase", Strength.PASSWORD),
    "password": ("password", Strength.PASSWORD),
    "passwd": ("password", Strength.PASSWORD),
    "pwd": ("password", Strength.PASSWORD),
    "pass": ("password", Strength.PASSWORD),
    "secret": ("secret", Strength.TOKEN),
    "token": ("token", Strength.TOKEN),
    "credential": ("credential", Strength.TOKEN),
    "key": ("key", Strength.KEY),
}
# Longest part of a name before and after the word.
LONGEST_AFFIX = 50

_BEFORE = re.compile(r"[\w.\-]*\Z", re.ASCII)
_QUALIFIED_KEY = re.compile(
    r"(?:api|access|secret|private|account|auth|encryption|signing|master|service|license|webhook|storage|shared|admin"
    r"|deploy|client|app|session|jwt|hmac)[_\-. ]?\Z",
    re.ASCII | re.IGNORECASE,
)
# Names of things that belong to a secret but aren't one, or have one of these words for another reason.
_HARMLESS_BEFORE = re.compile(
    r"(?:\A|[_\-.]|(?-i:(?<=[a-z])(?=[A-Z])))(?:csrf|xsrf|csrfmiddleware|page|cursor|continuation|sync|resume|cancel|cancellation|pad|eos|bos|unk|sep|cls|mask"
    r"|max|min|num|total|public|pub|primary|foreign|cache|sort|partition|hash|hot|idempotency|dedup|routing|group|map"
    r"|dict|row|column|index|natural|schema|sequence|old|next|websocket)[_\-. ]?\Z",
    re.ASCII | re.IGNORECASE,
)
_HARMLESS_AFTER = re.compile(
    r"(?:^|[_\-.]|(?-i:(?<=[a-z])(?=[A-Z])))(?:file|filename|path|dir|name|names|id|ids|type|url|uri|endpoint|hash|hasher|hashers"
    r"|hashed|length|len|size|count|counts|limit|limits|policy|field|fields|label|ttl|expiry|expires|at|in|ref|selector"
    r"|algorithm|alg|version|prefix|suffix|format|pattern|regex|stdin|prompt|hint|reset|manager|provider|store|ring"
    r"|pair|map|list|validators|validator|form|input|strength|age|usage|used|budget|cost|scope|scopes|encryption|env|var|arn)\Z",
    re.IGNORECASE,
)


def before(text: str, start: int) -> str:
    """The part of a name before `start`."""
    match = _BEFORE.search(text, max(0, start - LONGEST_AFFIX), start)
    return match[0] if match else ""


def strength(prefix: str, word: str, suffix: str) -> Strength | None:
    """How much a name says that has `word`, in any case, between the parts `prefix` and `suffix`; None: nothing."""
    lower = word.lower()
    found = WORDS[lower][1]
    if _goes_on(word, suffix) or _HARMLESS_AFTER.search(suffix) or suffix.lower().endswith("s"):
        return None
    match found:
        case Strength.PASSWORD:
            return None if prefix.lower() in ("old", "o") and lower == "pwd" else found
        case Strength.KEY if _QUALIFIED_KEY.search(prefix):
            return Strength.TOKEN
        case Strength.KEY if prefix[-1:].islower() and word.islower():
            return None
        case _:
            return None if _HARMLESS_BEFORE.search(prefix) else found


def kind_of(word: str, found: Strength) -> str:
    """The kind that is shown for a name with `word`."""
    return "api key" if word == "key" and found is Strength.TOKEN else WORDS[word][0]


def of(name: str) -> tuple[str, Strength] | None:
    """The kind and strength of the last such word in a whole name; None if its value isn't secret."""
    lower = name.lower()
    for word in WORDS:
        at = lower.rfind(word) if len(lower) == len(name) else -1
        if at < 0 or (word == "pass" and name[:at][-1:] not in ("", "_", "-", ".")):
            continue
        if found := strength(name[:at], name[at : at + len(word)], name[at + len(word) :]):
            return kind_of(word, found), found
    return None


def _goes_on(word: str, suffix: str) -> bool:
    """Whether the word is only the beginning of another, as in keyboard, KEYBOARD, tokenizer or secretary."""
    following = suffix[:1]
    if not following.isalpha() or suffix[:3].lower() in ("key", "val", "tok", "cod"):
        return False
    return following.islower() if word[-1:].islower() else following.isupper()
