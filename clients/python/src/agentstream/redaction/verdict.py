"""What a rule says about a place in a text where a secret may begin."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

# How far rules look back from an anchor, in characters. A stream keeps this much of what it has shown.
LOOK_BEHIND = 64


class Rest(Protocol):
    """Whatever else belongs to a secret that has been found, however long it is. Keeps no state between texts."""

    def take(self, text: str, start: int, final: bool) -> tuple[int, bool]:
        """The end of what belongs to the secret from `start` on, and whether the secret ends there.

        If it doesn't, only more text decides how it goes on; `final` says that there won't be any.
        """
        ...


@dataclass(frozen=True)
class Secret:
    """A secret in a text, from `start` to `end`, and the `rest` that may follow."""

    start: int
    end: int
    kind: str
    rest: Rest | None = None


@dataclass(frozen=True)
class Undecided:
    """More text is needed to decide. Text from `start` on may be part of a secret; None: nothing so far is."""

    start: int | None = None


Verdict = Secret | Undecided | None


@dataclass(frozen=True)
class Anchor:
    """A fixed string with which a rule begins. With `ignore_case` it is lower case and matches any case.

    `examine(text, start, end, final)` gets the place of the anchor in the text. It looks back at most LOOK_BEHIND
    characters, and must decide in the same way whatever follows the text, unless it returns `Undecided`; if `final`,
    nothing follows.
    """

    literal: str
    examine: Callable[[str, int, int, bool], Verdict]
    ignore_case: bool = False


@dataclass(frozen=True)
class Run:
    """A run of characters of a class. `joins` are characters that belong to it only between others."""

    chars: str
    joins: str = ""

    def at_least(self, least: int) -> re.Pattern[str]:
        """Matches a run of at least `least` characters."""
        return _run(self.chars, self.joins, least)

    def take(self, text: str, start: int, final: bool) -> tuple[int, bool]:
        """See `Rest`."""
        match = self.at_least(0).match(text, start)
        end = match.end() if match else start
        return end, final or not self.may_go_on(text, end)

    def may_go_on(self, text: str, end: int) -> bool:
        """Whether more text could lengthen a run that ends at `end`."""
        return end == len(text) or (end == len(text) - 1 and text[end] in self.joins)


@lru_cache(maxsize=256)
def _run(chars: str, joins: str, least: int) -> re.Pattern[str]:
    one = f"[{chars}]"
    if joins:
        one = f"(?:{one}|[{re.escape(joins)}](?={one}))"
    return re.compile(f"{one}{{{least},}}", re.ASCII)


_SPECIAL_START = re.compile(r"(?:\x1b\[[0-9;]*[mK]|\\u001b\[[0-9;]*[mK]|\\x1b\[[0-9;]*[mK]|\\[nrt]|%[0-9A-Fa-f]{2})\Z")


def starts_word(text: str, start: int) -> bool:
    """Whether no letter or digit precedes `start`, other than one that ends an escape sequence."""
    if start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_"):
        return True
    return _SPECIAL_START.search(text, max(0, start - 16), start) is not None
