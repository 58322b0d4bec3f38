"""What is typed: by the person at the keyboard, and for people elsewhere."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

# How long the person at the keyboard must have typed nothing: after a line's end, and in the middle of one. Text that
# they have left there is sent with what is typed then, because nothing says that they have deleted it.
PAUSE_SECONDS = 1.0
LINE_PAUSE_SECONDS = 10.0
# Tools take keys that arrive together for pasted text, in which Enter begins a new line.
KEY_PAUSE_SECONDS = 0.15

ENTER = b"\r"
PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"

# C0 without tab and newline, DEL, and C1.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What terminals send by themselves: answers to questions, and reports of the mouse and of the focus.
_REPORT = re.compile(
    rb"\x1b\[<[0-9;]*[Mm]"
    rb"|\x1b\[M..."
    rb"|\x1b\[[IO]"
    rb"|\x1b\[[?>][0-9;$]*[a-zA-Z]"
    rb"|\x1b\[[0-9]+;[0-9;]*[Rtn]"
    rb"|\x1b[\]P_][^\x07\x1b]*(?:\x07|\x1b\\)",
    re.DOTALL,
)
# Enter, Ctrl-C, Ctrl-U, Ctrl-D, Ctrl-Z or Esc: afterwards the line is empty, as a rule.
_ENDS_LINE = re.compile(rb"(?:[\r\n\x03\x04\x15\x1a]|\x1b)\Z")


def cleaned(text: str) -> str:
    """`text` without control characters except newline and tab, so that it can't contain an escape sequence or the end
    of a paste."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", lines).rstrip("\n")


def pasted(text: str, bracketed: bool) -> bytes:
    """What a terminal sends when `text` is pasted into it: Enter for each newline, if possible marked as pasted."""
    data = cleaned(text).encode(errors="replace").replace(b"\n", ENTER)
    return PASTE_BEGINS + data + PASTE_ENDS if bracketed else data


@dataclass
class Keyboard:
    """When the person at the keyboard last typed, in seconds of the monotonic clock."""

    last: float = float("-inf")
    _in_line: bool = False

    def pressed(self, data: bytes) -> None:
        """Record what the terminal sent."""
        if keys := _REPORT.sub(b"", data):
            self.last = time.monotonic()
            self._in_line = not _ENDS_LINE.search(keys)

    @property
    def pause(self) -> float:
        """For how many seconds nothing else may be typed; 0 or less: now."""
        return self.last + (LINE_PAUSE_SECONDS if self._in_line else PAUSE_SECONDS) - time.monotonic()

    async def quiet(self) -> None:
        """Wait until something else may be typed."""
        while (pause := self.pause) > 0:  # noqa: ASYNC110 - keys in the meantime change it
            await asyncio.sleep(min(pause, PAUSE_SECONDS))


@dataclass
class Typist:
    """Types for people elsewhere. `write` writes to the command; `hold` keeps what the person at the keyboard types
    meanwhile, until it is called with False."""

    keyboard: Keyboard
    write: Callable[[bytes], Awaitable[None]]
    hold: Callable[[bool], None]

    async def enter(self, text: str, bracketed: Callable[[], bool]) -> None:
        """Type `text` and Enter, once the person at the keyboard has paused. `bracketed` is whether the program wants
        pasted text marked then."""
        await self.keyboard.quiet()
        await self.press([pasted(text, bracketed()), ENTER])

    async def press(self, keys: Sequence[bytes]) -> None:
        """Press these keys in turn, without anything between them."""
        self.hold(True)
        try:
            for index, key in enumerate(keys):
                await asyncio.sleep(KEY_PAUSE_SECONDS if index else 0)
                await self.write(key)
        finally:
            self.hold(False)
