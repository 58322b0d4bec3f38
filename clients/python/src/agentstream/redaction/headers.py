"""Credentials in HTTP headers, URLs and the options of curl."""

from __future__ import annotations

import re

from agentstream.redaction import judgement
from agentstream.redaction.verdict import Anchor, Run, Secret, Undecided, Verdict, starts_word

MAX_JUDGED = 512
_LONGEST_AUTHORITY = 400

_CREDENTIAL = Run(r"^\s\"'`\\,;<>(){}", "")
_BASE64 = Run("A-Za-z0-9+/=")
_BEARER = Run(r"\w~+/=-", ".")
_SCHEMES = ("bearer", "basic", "token", "digest", "apikey", "bot", "key", "negotiate")
# The colon or equals sign after the header's name, in quotes or not, and what precedes the credential.
_HEADER = re.compile(r"(?:\\{0,3}[\"'])?[ \t]{0,8}(?::|=>|=|,)[ \t]{0,8}[bBfFrR]?(?:\\{0,3}[\"'`])?")
_HEADER_BEGUN = re.compile(r"(?:\\{0,3}[\"']?)?[ \t]{0,8}[:=,]?>?[ \t]{0,8}[bBfFrR]?\\{0,3}[\"'`]?\Z")
_SCHEME = re.compile(r"([A-Za-z]{3,12})[ \t]+(?=\S)")
_SCHEME_BEGUN = re.compile(r"[A-Za-z]{1,12}[ \t]*\Z")
_SCHEME_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}\Z")
_AUTHORITY = re.compile(rf"[^\s/?#\"'`<>\\|]{{0,{_LONGEST_AUTHORITY}}}")
_USER = re.compile(r"[ =]?[\"']?([^\s:\"'@/]{1,64}):")
_USER_BEGUN = re.compile(r"[ =]?[\"']?[^\s:\"'@/]{0,64}\Z")
_COMMON_PASSWORDS = frozenset(("password", "passwd", "pass", "pwd", "secret", "token", "pw", "user", "root", "node"))


def _authorization(text: str, start: int, end: int, final: bool) -> Verdict:
    """The credential in an `Authorization` header, after its scheme."""
    if not final and _HEADER_BEGUN.match(text, end):
        return Undecided()
    header = _HEADER.match(text, end)
    if header is None:
        return None
    at = header.end()
    if not final and _SCHEME_BEGUN.match(text, at):
        return Undecided(at)
    scheme = _SCHEME.match(text, at)
    name = scheme[1].lower() if scheme else ""
    if scheme:
        if name not in _SCHEMES:
            return None
        at = scheme.end()
    found = _bounded(_CREDENTIAL, text, at, final)
    if not isinstance(found, int):
        return found
    return _header_secret(text, at, found, name)


def _header_secret(text: str, at: int, end: int, scheme: str) -> Verdict:
    given = text[at:end].rstrip(".:!?")
    rest = _CREDENTIAL if len(given) == end - at else None
    least = 12 if scheme else 16
    random = len(given) >= least and not given.isalpha() and not judgement.is_placeholder(given)
    if (scheme == "basic" and judgement.is_basic(given)) or (random and not judgement.is_code(given)):
        return Secret(at, at + len(given), f"{scheme or 'authorization'} credential", rest)
    return None


def _bearer(text: str, start: int, end: int, final: bool) -> Verdict:
    """A token after the word Bearer."""
    if not starts_word(text, start):
        return None
    found = _bounded(_BEARER, text, end, final)
    if not isinstance(found, int):
        return found
    given = text[end:found]
    return Secret(end, found, "bearer credential", _BEARER) if judgement.is_random(given) else None


def _basic(text: str, start: int, end: int, final: bool) -> Verdict:
    """A user and password in base64 after the word Basic."""
    if not starts_word(text, start):
        return None
    found = _bounded(_BASE64, text, end, final)
    if not isinstance(found, int):
        return found
    given = text[end:found]
    return Secret(end, found, "basic credential", _BASE64) if len(given) >= 8 and judgement.is_basic(given) else None


def _url(text: str, start: int, end: int, final: bool) -> Verdict:
    """The password in a URL, or a token in place of its user."""
    if not _SCHEME_BEFORE.search(text, max(0, start - 24), start):
        return None
    match = _AUTHORITY.match(text, end)
    until = match.end() if match else end
    if not final and until == len(text) and until - end < _LONGEST_AUTHORITY:
        return Undecided(_shown(text, end, until))
    at = text.rfind("@", end, until)
    if at < 0:
        return None
    user, colon, password = text[end:at].partition(":")
    if not colon:
        return Secret(end, at, "token in a url") if judgement.is_random(user) else None
    if len(password) < 3 or password.lower() in _COMMON_PASSWORDS or judgement.is_placeholder(password):
        return None
    return Secret(end + len(user) + 1, at, "password in a url")


def _shown(text: str, start: int, end: int) -> int | None:
    """Where a password may have begun in an incomplete authority; None if what follows the colon is a port so far."""
    colon = text.find(":", start, end)
    if colon < 0:
        return None
    port = text[colon + 1 : end]
    return None if len(port) <= 5 and (port.isdigit() or not port) else colon + 1


def _curl(text: str, start: int, end: int, final: bool) -> Verdict:
    """The password in `-u USER:PASSWORD`."""
    if not final and _USER_BEGUN.match(text, end):
        return Undecided()
    user = _USER.match(text, end)
    if user is None:
        return None
    at = user.end()
    found = _bounded(_CREDENTIAL, text, at, final)
    if not isinstance(found, int):
        return found
    given = text[at:found]
    harmless = len(given) < 6 or given == user[1] or given.isdigit() or given.lower() in _COMMON_PASSWORDS
    if harmless or given.startswith(":") or judgement.is_placeholder(given) or judgement.is_path(given):
        return None
    return Secret(at, found, "password", _CREDENTIAL)


def _bounded(run: Run, text: str, at: int, final: bool) -> int | Undecided | None:
    """The end of a run at `at`, or of as much as is judged; None if there is none."""
    most = at + MAX_JUDGED
    match = run.at_least(1).match(text, at, min(len(text), most))
    end = match.end() if match else at
    if not final and end < most and run.may_go_on(text, end):
        return Undecided(at if match else None)
    return end if match else None


ANCHORS = (
    Anchor("authorization", _authorization, ignore_case=True),
    Anchor("bearer ", _bearer, ignore_case=True),
    Anchor("basic ", _basic, ignore_case=True),
    Anchor("://", _url),
    Anchor(" -u", _curl),
    Anchor(" --user", _curl),
)
