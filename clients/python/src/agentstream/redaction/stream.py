"""Redacts a text that arrives in chunks, in the same way as the whole text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentstream.redaction import assignments, headers, tokens
from agentstream.redaction.environment import HARMLESS_BEGINNING, Literal
from agentstream.redaction.pem import private_key
from agentstream.redaction.verdict import LOOK_BEHIND, Anchor, Rest, Secret, Undecided


class Rules:
    """All anchors, and all their beginnings."""

    def __init__(self, literals: Sequence[Literal] = ()) -> None:
        anchors = (*STANDARD, *(literal.anchor() for literal in literals))
        self.literals = literals
        self.exact = [anchor for anchor in anchors if not anchor.ignore_case]
        self.folded = [anchor for anchor in anchors if anchor.ignore_case]

    def found(self, text: str, start: int) -> list[tuple[int, int, Anchor]]:
        """The anchors in `text` from `start` on, by their places, longer ones first: (start, -length, anchor)."""
        lower = text.lower()
        if len(lower) != len(text):
            lower = "".join(one if len(one := character.lower()) == 1 else character for character in text)
        places: list[tuple[int, int, Anchor]] = []
        for anchors, within in ((self.exact, text), (self.folded, lower)):
            for anchor in anchors:
                at = within.find(anchor.literal, start)
                while at >= 0:
                    places.append((at, -len(anchor.literal), anchor))
                    at = within.find(anchor.literal, at + 1)
        places.sort(key=_order)
        return places

    def begun(self, text: str, start: int) -> tuple[int, Undecided]:
        """Where the earliest anchor may begin that `text` ends within, and what may be shown of it."""
        tail = text[max(start, len(text) - _LONGEST) :]
        lower = tail.lower()
        earliest, undecided = len(text), Undecided()
        for at in range(len(tail)):
            if tail[at:] in _BEGINNINGS or lower[at:] in _FOLDED_BEGINNINGS:
                earliest = len(text) - len(tail) + at
                break
        for literal in self.literals:
            begun = literal.begun(text)
            if begun and begun.start is not None and start <= begun.start <= earliest:
                earliest = begun.start
                undecided = begun if len(text) - begun.start >= HARMLESS_BEGINNING else undecided
        return earliest, undecided


def _order(place: tuple[int, int, Anchor]) -> tuple[int, int]:
    return place[:2]


STANDARD = (
    *tokens.ANCHORS,
    Anchor("-----BEGIN ", private_key),
    *headers.ANCHORS,
    *assignments.ANCHORS,
)
_LONGEST = max(len(anchor.literal) for anchor in STANDARD) - 1


def _beginnings(ignore_case: bool) -> frozenset[str]:
    literals = [anchor.literal for anchor in STANDARD if anchor.ignore_case is ignore_case]
    return frozenset(literal[:n] for literal in literals for n in range(1, len(literal)))


_BEGINNINGS, _FOLDED_BEGINNINGS = _beginnings(False), _beginnings(True)


@dataclass
class RedactedStream:
    """What `Redactor.text` returns for a whole text, for the same text in chunks.

    It holds back only what could be the beginning of a secret. `found` counts the secrets so far by their kind.
    """

    rules: Rules
    found: Counter[str] = field(default_factory=Counter)
    # What has been decided, up to `_decided`, as far as rules look back; and what has not.
    _text: str = ""
    _decided: int = 0
    # Up to here, what is undecided has been shown by `pause`, or may be.
    _shown: int = 0
    _showable: int = 0
    _rest: Rest | None = None

    @property
    def held(self) -> bool:
        """Whether any text is held back."""
        return max(self._decided, self._shown) < len(self._text)

    @property
    def inside(self) -> bool:
        """Whether the text so far may end within a secret."""
        return self._rest is not None or self.held

    def feed(self, chunk: str) -> str:
        """The text that is now certain, without its secrets."""
        self._text += chunk
        return self._advance(final=False)

    def pause(self) -> str:
        """The text held back that isn't likely to be part of a secret, because no more of it has arrived for a while.

        What follows is still redacted if it turns out to be the rest of a secret.
        """
        start = max(self._decided, self._shown)
        self._shown = max(start, self._showable)
        return self._text[start : self._shown]

    def end(self, last: str = "") -> str:
        """The rest of the text, with its `last` chunk. The stream can be used for another one."""
        self._text += last
        text = self._advance(final=True)
        self._text, self._decided, self._shown, self._showable, self._rest = "", 0, 0, 0, None
        return text

    def _advance(self, final: bool) -> str:
        text, out = self._text, []
        limit, undecided = (len(text), Undecided()) if final else self.rules.begun(text, self._decided)
        position = self._after_rest(self._decided, final)
        for start, length, anchor in self.rules.found(text, position) if self._rest is None else ():
            if start >= limit or self._rest is not None:
                break
            if start < position:
                continue
            match anchor.examine(text, start, start - length, final):
                case Secret() as secret:
                    out += [self._slice(position, secret.start), f"[redacted: {secret.kind}]"]
                    self.found[secret.kind] += 1
                    self._rest = secret.rest
                    position = self._after_rest(secret.end, final)
                case Undecided() as undecided:
                    limit = start
        limit = max(limit, position) if self._rest is None else position
        out.append(self._slice(position, limit))
        self._keep(limit, undecided)
        return "".join(out)

    def _after_rest(self, position: int, final: bool) -> int:
        """Where the rest of a secret that has begun ends, or where more text is needed to decide."""
        if self._rest is not None:
            position, over = self._rest.take(self._text, position, final)
            self._rest = None if over else self._rest
        return position

    def _slice(self, start: int, end: int) -> str:
        return self._text[max(start, self._shown) : end]

    def _keep(self, decided: int, undecided: Undecided) -> None:
        """Forget all but what is undecided and what rules may look back at."""
        cut = max(0, decided - LOOK_BEHIND)
        showable = decided if self._rest is not None else undecided.start
        self._text = self._text[cut:]
        self._decided = decided - cut
        self._shown = max(0, self._shown - cut)
        self._showable = len(self._text) if showable is None else max(self._decided, showable - cut)
