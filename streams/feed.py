"""What one process knows of one stream that somebody here watches."""

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

from streams.conf import conf
from streams.frames import Window

if TYPE_CHECKING:
    from streams.connection import Cursor


class Heard(Enum):
    """What a piece of news meant to a feed."""

    OLD = auto()
    NEW = auto()
    GAP = auto()
    REWRITTEN = auto()  # other events at seqs known here: the log was restored from a backup and has grown anew


class Feed:
    """A stream's head and recent window, and the cursors that follow it.

    `head` is the newest seq known here. `wanted` is the newest seq heard of; it is ahead of `head` while events
    between are being read from the log.
    """

    __slots__ = ("cursors", "head", "healing", "idle_since", "joined", "name", "opened", "wanted", "window")

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = 0
        self.wanted = 0
        self.window = Window(0)
        self.cursors: dict[Cursor, None] = {}
        self.joined = False  # whether this process is in the stream's group
        self.healing = False
        self.idle_since: float | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, head: int) -> None:
        """Begin at the log's newest seq; what came before is read from the log by those who need it."""
        if not self.opened.done():
            self.head = head
            self.window = Window(head)
            self.opened.set_result(None)

    def hear(self, first: int, last: int, texts: list[bytes]) -> Heard:
        """Take in events `first` to `last`; `texts` is empty where the bell did not carry them."""
        self.wanted = max(self.wanted, last)
        if last <= self.head:
            known = self.window.text(last)
            return Heard.REWRITTEN if known and texts and known != texts[-1] else Heard.OLD
        if first > self.head + 1 or not texts or not self.opened.done():
            return Heard.GAP
        self.window.extend(texts[self.head + 1 - first :])
        self.head = last
        self.window.forget(conf().WINDOW_EVENTS, conf().WINDOW_BYTES)
        return Heard.NEW

    def jump(self, head: int) -> None:
        """Give up on the window and go on after `head`: cursors behind it read the log."""
        self.head = head
        self.window = Window(head)
