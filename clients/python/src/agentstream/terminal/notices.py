"""Publishes what a screen says about itself: notifications, the bell, the window's title, and that it changes."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentstream.messages import Output, StatusChange
from agentstream.report import Report
from agentstream.terminal.keyboard import Keyboard
from agentstream.terminal.signs import Bell, Notification, Sign, Title

# Notes: so many at once, and then one per interval.
BURST = 5
NOTE_SECONDS = 10.0
# One and the same note, such as the bell, is repeated at most this often.
SAME_NOTE_SECONDS = 60.0
TITLE_SECONDS = 1.0
# How often to publish that the screen still changes; pages flag an agent that has been silent for 10 min.
ACTIVITY_SECONDS = 300.0
# A bell this soon after a key answers the key, as when there is nothing left to delete.
KEY_BELL_SECONDS = 2.0

Label = Callable[[str], Awaitable[bool]]


@dataclass
class Notices:
    """`label` publishes a title and returns whether that may be tried again. Without `notes` only titles are
    published."""

    report: Report
    keyboard: Keyboard
    label: Label
    notes: bool
    _allowance: float = BURST
    _counted: float = field(default_factory=time.monotonic)
    _told: dict[str, float] = field(default_factory=dict)
    _active: float = field(default_factory=time.monotonic)
    _title: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, signs: list[Sign]) -> None:
        """Publish these, as far as there aren't too many."""
        if self.notes:
            self._tell_active()
        for sign in signs:
            match sign:
                case Title(text):
                    self._rename(text)
                case Notification(text):
                    self._note(f"The terminal was notified: {text}\n")
                case Bell() if time.monotonic() - self.keyboard.last >= KEY_BELL_SECONDS:
                    self._note("The command wants attention: it rang the terminal's bell.\n")

    async def publish_titles(self) -> None:
        """Publish the title when it has changed, at most once a second, until cancelled."""
        published = ""
        while True:
            await self._changed.wait()
            self._changed.clear()
            title = self._title
            if title != published:
                if not await self.label(title):
                    return
                published = title
                await asyncio.sleep(TITLE_SECONDS)

    def _rename(self, text: str) -> None:
        title = _still(text)
        if title and title != self._title:
            self._title = title
            self._changed.set()

    def _note(self, text: str) -> None:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted) / NOTE_SECONDS)
        self._counted = now
        self._told = {note: at for note, at in self._told.items() if now - at < SAME_NOTE_SECONDS}
        if self.notes and self._allowance >= 1 and text not in self._told:
            self._allowance -= 1
            self._told[text] = now
            self.report.send_now(Output(text, "system", kind="text"))

    def _tell_active(self) -> None:
        now = time.monotonic()
        if now - self._active >= ACTIVITY_SECONDS:
            self._active = now
            self.report.send_now(StatusChange("running"))


def _still(title: str) -> str:
    """The title without the symbol before it, which tools animate."""
    words = title.lstrip()
    while words and (words[0] in "·* " or unicodedata.category(words[0]) == "So"):
        words = words[1:]
    return words
