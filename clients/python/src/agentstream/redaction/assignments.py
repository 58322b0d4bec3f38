"""Values assigned to secret names: in code, configuration, JSON, XML, logs and on command lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial

from agentstream.redaction import judgement, names, tokens
from agentstream.redaction.names import Strength
from agentstream.redaction.verdict import Anchor, Rest, Run, Secret, Undecided, Verdict

# Longest value that is judged as a whole, in characters.
MAX_JUDGED = 256

_SUFFIX = re.compile(
    r"[\w\-.]{0,50}(?: (?:access )?key)?(?: \[(?!redacted: )[^\]\n]{0,24}\])?", re.ASCII | re.IGNORECASE
)
_ANSI = r"\x1b\[[0-9;]{0,12}[mK]"
_BRACKET_BEGUN = re.compile(r" \[[^\]\n]{0,24}")
_CLOSING = re.compile(rf"(?:{_ANSI}|\\{{0,3}}[\"'`]|\])*")
_CLOSING_BEGUN = re.compile(r"(?:\x1b(?:\[[0-9;]{0,12})?|\\{1,3})\Z")
_GAP = re.compile(rf"(?:[ \t]|{_ANSI})*")
_OPERATOR = re.compile(r"=>|={1,3}|:=|:(?!:)|\?=|>|\((?=[\"'])")
_OPERATOR_BEGUN = re.compile(r"[=:?]{1,2}\Z|\(\Z")
_QUOTE = re.compile(r"(?:[rRbBuUfF@$]{0,2})?(\\{0,3})([\"'`])")
_QUOTE_BEGUN = re.compile(r"[rRbBuUfF@$]{0,2}\\{0,3}\Z")
# Without quotes, a value in a shell or `.env` file may contain any of these; elsewhere a comma ends it.
_SHELL = Run(r"^\s\x1b\"'`;|&<>\\,()\[\]{}", ",()[]{}")
_PLAIN = Run(r"^\s\x1b\"'`;|&<>\\,()\[\]{}", "()[]{}")
_LONGEST_GAP = 64
# The mark of a secret that has been redacted already is no name.
_MARK = re.compile(r"\[redacted: [\w ]{0,30}\Z")
# A variable with the value, as in `password = new_password`.
_NAME_AGAIN = re.compile(r"[a-z_]*(?:pass|pwd|token|secret)[a-z_]*\d?", re.ASCII | re.IGNORECASE)
_NO_VALUE = re.compile(r"\w+=", re.ASCII)


@dataclass(frozen=True)
class Quoted:
    """What is between quotes. After `\\"` a value ends at the next backslash, because its quotes are escaped."""

    quote: str
    escaped: bool

    def take(self, text: str, start: int, final: bool) -> tuple[int, bool]:
        """See `Rest`."""
        end = _quoted(self.quote, self.escaped, 0).match(text, start)
        at = end.end() if end else start
        return at, final or not self.may_go_on(text, at)

    def bounded(self, text: str, start: int) -> int:
        """The end of the value, or of as much as is judged."""
        match = _quoted(self.quote, self.escaped, MAX_JUDGED).match(text, start)
        return match.end() if match else start

    @staticmethod
    def may_go_on(text: str, end: int) -> bool:
        """Whether more text could lengthen a value that ends at `end`."""
        return end == len(text) or (end == len(text) - 1 and text[end] == "\\")


@lru_cache(maxsize=32)
def _quoted(quote: str, escaped: bool, most: int) -> re.Pattern[str]:
    one = rf"[^{quote}\\\r\n]" if escaped else rf"(?:[^{quote}\\\r\n]|\\[^\r\n])"
    return re.compile(f"{one}{{0,{most or ''}}}")


@dataclass(frozen=True)
class Value:
    """A value in a text, from `start` to `end`."""

    text: str
    start: int
    end: int
    quoted: bool
    rest: Rest | None


@dataclass(frozen=True)
class Name:
    """A secret name in a text: where it ends, and how its value is given. A `brief` one also has other meanings."""

    kind: str
    strength: Strength
    suffix: str
    end: int
    upper: bool
    option: bool
    element: bool
    brief: bool

    @property
    def run(self) -> Run:
        """How its value without quotes may continue."""
        return _SHELL if self.upper or self.option else _PLAIN


def assigned(word: str, text: str, start: int, end: int, final: bool) -> Verdict:
    """The value assigned to the name that contains the word at `start`."""
    after = _end(_SUFFIX, text, end)
    if not final and (after == len(text) or _suffix_begun(text, after)):
        return Undecided()
    name = _name(word, text, start, end, after)
    if name is None:
        return None
    value = _value(text, name, final)
    if not isinstance(value, Value):
        return value
    given = value.text
    if not _is_secret(name, value, adjacent=text[value.start - 1] == "="):
        return None
    of_aws = len(given) == 40 and "aws" in text[max(0, start - 24) : after].lower()
    kind = tokens.kind_of(given) or ("aws secret key" if of_aws else name.kind)
    return Secret(value.start, value.end, kind, value.rest)


def _suffix_begun(text: str, at: int) -> bool:
    """Whether the text ends within ` access key` or ` [current value]`."""
    tail = text[at : at + 26].lower()
    if len(text) - at > len(tail):
        return False
    return " access key".startswith(tail) or " key".startswith(tail) or _BRACKET_BEGUN.fullmatch(tail) is not None


def _name(word: str, text: str, start: int, end: int, after: int) -> Name | None:
    prefix = names.before(text, start)
    if word == "pass" and prefix[-1:] not in ("_", "-", ".") and text[start - 1 : start] not in ('"', "'"):
        return None
    spaced = re.search(r"(?:api|access|secret|private) \Z", text[max(0, start - 10) : start], re.IGNORECASE)
    suffix = text[end:after]
    if word == "pass" and suffix:
        return None
    found = names.strength(spaced[0] if spaced else prefix, text[start:end], suffix.split(" ")[0])
    if found is None or (word == "pwd" and not prefix and text[start:end] == "PWD"):
        return None
    if _MARK.search(text, max(0, start - 40), start):
        return None
    begins = start - len(prefix)
    return Name(
        names.kind_of(word, found),
        found,
        suffix,
        after,
        upper=text[start:end].isupper(),
        option=prefix.startswith("--"),
        element=text[begins - 1 : begins] == "<",
        brief=word == "pass",
    )


def _value(text: str, name: Name, final: bool) -> Value | Undecided | None:
    """What follows the name and an operator or, after an option, a space."""
    closed = _end(_CLOSING, text, name.end)
    at = _end(_GAP, text, closed)
    if at - name.end > _LONGEST_GAP:
        return None
    if not final and (at == len(text) or _CLOSING_BEGUN.match(text, at)):
        return Undecided()
    operator = _OPERATOR.match(text, at)
    if not final and _OPERATOR_BEGUN.match(text, at):
        return Undecided()
    if operator is None or (operator[0] == ">" and not name.element):
        return _argument(text, closed, at, final) if name.option else None
    if operator[0] == "(" and "." in name.suffix:
        return None
    value = _given(text, operator.end(), name.run, final)
    if not isinstance(value, Value):
        return value
    match operator[0]:
        case ":" if not value.quoted:
            return _annotated(text, value, name.run, final)
        case ">":
            return value if text.startswith("<", value.end) else None
        case "(":
            return value if any(character.isdigit() for character in value.text) else None
        case _:
            return value


def _argument(text: str, closed: int, at: int, final: bool) -> Value | Undecided | None:
    """The argument of an option, also in a list of quoted arguments."""
    if text.startswith(",", at):
        at += 1
    elif at == closed:
        return None
    value = _given(text, at, _SHELL, final)
    return None if isinstance(value, Value) and value.text.startswith("-") else value


def _annotated(text: str, value: Value, run: Run, final: bool) -> Value | Undecided:
    """The value after a type, as in `token: str = "…"`; else the value itself."""
    at = _end(_GAP, text, value.end)
    if not final and at == len(text):
        return Undecided(value.start)
    if at == value.end or not text.startswith("=", at):
        return value
    given = _given(text, at + 1, run, final)
    return value if given is None else given


def _given(text: str, start: int, run: Run, final: bool) -> Value | Undecided | None:
    """The value at `start`, quoted or not; None if there is none."""
    at = _end(_GAP, text, start)
    if at - start > _LONGEST_GAP:
        return None
    if not final and (at == len(text) or _CLOSING_BEGUN.match(text, at)):
        return Undecided()
    quote = _QUOTE.match(text, at)
    if quote is None:
        if not final and _QUOTE_BEGUN.match(text, at):
            return Undecided(at)
        return _unquoted(text, at, run, final)
    rest = Quoted(quote[2], bool(quote[1]))
    end = rest.bounded(text, quote.end())
    if not final and rest.may_go_on(text, end) and end - quote.end() < MAX_JUDGED:
        return Undecided(quote.end())
    return Value(text[quote.end() : end], quote.end(), end, True, rest) if end > quote.end() else None


def _unquoted(text: str, at: int, run: Run, final: bool) -> Value | Undecided | None:
    most = min(len(text), at + MAX_JUDGED)
    match = run.at_least(1).match(text, at, most)
    end = match.end() if match else at
    if not final and end < at + MAX_JUDGED and run.may_go_on(text, end):
        return Undecided(at)
    if not match:
        return None
    # A sentence ends with a dot, a secret doesn't.
    stripped = text[at:end].rstrip(".:!?") if end < most else text[at:end]
    kept = at + len(stripped)
    return Value(stripped, at, kept, False, run if kept == end else None) if stripped else None


def _is_secret(name: Name, value: Value, adjacent: bool) -> bool:
    given = value.text
    if judgement.is_code_after(given) if value.quoted else not (name.upper and adjacent) and judgement.is_code(given):
        return False
    if name.option and _NO_VALUE.match(given):
        return False
    shell = name.upper and adjacent
    match name.strength:
        case Strength.PASSWORD:
            if name.brief and " " in given:
                return False
            if not value.quoted and not shell and _NAME_AGAIN.fullmatch(given):
                return False
            return judgement.is_password(given, plain_word=shell or (value.quoted and not name.brief))
        case Strength.TOKEN if name.option:
            return judgement.is_token(given, 6)
        case Strength.TOKEN:
            return judgement.is_token(given, 8 if value.quoted or shell else 10)
        case Strength.KEY:
            return judgement.is_key(given)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


ANCHORS = tuple(Anchor(word, partial(assigned, word), ignore_case=True) for word in names.WORDS)
