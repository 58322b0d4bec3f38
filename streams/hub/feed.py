"""What one process knows of one stream that somebody here watches."""

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

from streams.conf import conf
from streams.hub.window import Window
from streams.log import Span
from streams.protocol.messages import timestamp_of

if TYPE_CHECKING:
    from streams.hub.connection import Cursor


class Heard(Enum):
    """What a piece of news meant to a feed."""

    OLD = auto()
    NEW = auto()
    GAP = auto()
    REWRITTEN = auto()  # other events at seqs known here: the log was restored from a backup and has grown anew


class Feed:
    """A stream's head and recent window, and the cursors that follow it.

    `head` is the newest seq known here, `at` its timestamp (None: not known). `wanted` is the newest seq heard of; it
    is ahead of `head` while the events between are being read from the log.
    """

    __slots__ = ("at", "cursors", "head", "healing", "idle_since", "joined", "name", "opened", "wanted", "window")

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = 0
        self.at: str | None = None
        self.wanted = 0
        self.window: Window = Window(0)
        self.cursors: dict[Cursor, None] = {}
        self.joined = False  # whether this process is in the stream's group
        self.healing = False
        self.idle_since: float | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, span: Span) -> None:
        """Begin at the log's newest seq; what came before is read from the log by those who need it."""
        if not self.opened.done():
            self.jump(span.head, span.at)
            self.opened.set_result(None)

    def hear(self, first: int, last: int, texts: list[bytes]) -> Heard:
        """Take in events `first` to `last`; `texts` is empty where the bell did not carry them."""
        self.wanted = max(self.wanted, last)
        if first <= self.head and texts and self._differs(first, texts):
            return Heard.REWRITTEN
        if last <= self.head:
            return Heard.OLD
        if first > self.head + 1 or not texts or not self.opened.done():
            return Heard.GAP
        self.window.extend(texts[self.head + 1 - first :])
        self.head, self.at = last, timestamp_of(texts[-1])
        self.window.forget(conf().WINDOW_EVENTS, conf().WINDOW_BYTES)
        return Heard.NEW

    def _differs(self, first: int, texts: list[bytes]) -> bool:
        """Whether events heard of, from `first` on, are others than those known here at the same seqs."""
        newest = min(first + len(texts) - 1, self.head)
        text = texts[newest - first]
        if newest == self.head and self.at is not None:
            return timestamp_of(text) != self.at
        known = self.window.text(newest)
        return known is not None and known != text

    def jump(self, head: int, at: str | None) -> None:
        """Give up on the window and go on after `head`, written at `at`: cursors behind it read the log."""
        self.head, self.at = head, at
        self.window = Window(head)

    def contradicts(self, at: str | None) -> bool:
        """Whether the log's event at `head`, written at `at`, is another one than the one known here."""
        return self.at is not None and at is not None and at != self.at
