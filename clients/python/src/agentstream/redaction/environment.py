"""The values of secret environment variables, wherever they occur."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from agentstream.redaction import judgement
from agentstream.redaction.verdict import Anchor, Secret, Undecided, Verdict

MIN_LENGTH = 8
# Longer values are looked for piece by piece, so that a stream holds back little.
MAX_LENGTH = 512
# Fewer characters of the beginning of a value are shown when the text pauses there.
HARMLESS_BEGINNING = 4

_SECRET = re.compile(
    r"(?:^|_)(?:\w*KEY|\w*TOKEN|\w*SECRET|\w*PASSWORD|\w*PASSWD|\w*PASSPHRASE|PASS|PW|\w+PWD|CREDENTIALS?|AUTH)"
    r"(?:_?\d+|_(?:BASE64|B64|PROD|PRODUCTION|STAGING|DEV|TEST|VALUE))?$|SECRET|PASSWORD|CREDENTIAL",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(
    r"(?:FILE|PATH|DIR|URL|URI|ID|NAME|SOCK|TYPE|TTL|ENDPOINT|SERVER|HASHER|HELPER|PROVIDER)$|^OLDPWD$|(?:MON|TUR|DON)KEY$",
    re.IGNORECASE,
)
_DATE_OR_NUMBER = re.compile(r"[\d.:TZ+-]+")


@dataclass(frozen=True)
class Literal:
    """A secret value, known in advance. `kind` is the name of its variable."""

    value: str
    kind: str

    def examine(self, text: str, start: int, end: int, final: bool) -> Verdict:
        """See `Anchor`."""
        return Secret(start, end, self.kind)

    def anchor(self) -> Anchor:
        return Anchor(self.value, self.examine)

    def begun(self, text: str) -> Undecided | None:
        """Whether the text may end within the value; with the place unless that is too little to matter."""
        at = max(0, len(text) - len(self.value) + 1)
        while (at := text.find(self.value[0], at)) >= 0:
            if self.value.startswith(text[at:]):
                return Undecided(at)
            at += 1
        return None


def literals(environment: Mapping[str, str]) -> list[Literal]:
    """The secret values in an environment, longest first, each once; also as in JSON and in URLs."""
    found: dict[str, str] = {}
    for name, value in environment.items():
        for secret in _secrets(name, value):
            for form in (
                secret,
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                quote(secret, ""),
            ):
                found.setdefault(form, name)
    return [Literal(value, found[value]) for value in sorted(found, key=len, reverse=True)]


def _secrets(name: str, value: str) -> Iterator[str]:
    if _SECRET.search(name) and not _NOT_SECRET.search(name):
        for line in value.splitlines():
            # A key's lines are wrapped, and a terminal ends lines differently.
            pieces = (line[at : at + MAX_LENGTH].strip() for at in range(0, len(line), MAX_LENGTH))
            yield from filter(_is_secret, pieces)
    elif "://" in value and (password := _password(value)) and _is_secret(password):
        yield password


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _is_secret(value: str) -> bool:
    """Whether a value is long and unusual enough to be hidden wherever it occurs."""
    if len(value) < MIN_LENGTH or len(set(value)) < 4 or judgement.is_path(value) or value.startswith("-----"):
        return False
    if _DATE_OR_NUMBER.fullmatch(value) and len(value) < 12:
        return False
    return not (value.isalpha() and len(value) < 12 and (value.islower() or value.istitle() or value.isupper()))
