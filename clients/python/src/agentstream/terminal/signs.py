"""What a program's output tells its terminal besides what to draw: notifications, the window's title, and whether
pasted text should be marked as such."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

MAX_TEXT = 300
# Longer strings, such as images, are read to their end, but not kept.
MAX_STRING_BYTES = 4096
MAX_KITTY_PARTS = 8

# Begins with a set, for which the search is three times as fast as for a choice.
_INTERESTING = re.compile(
    rb"[\x07\x1b](?:(?P<bell>(?<=\x07))|(?P<string>[\]P_^X])|(?P<reset>c)|\[\?(?P<modes>[0-9;]{1,64}(?P<value>[hl])))"
)
# The start of a sequence that the next read may complete, and how long it can be.
_CUT_OFF = re.compile(rb"\x1b(?:\[(?:\?[0-9;]{0,64})?)?\Z")
_CUT_OFF_BYTES = 67
_BELL, _TERMINATOR = b"\x07", b"\x1b\\"
# Any other escape sequence, CAN and SUB end a string, too, without effect. BEL ends only OSC, the kind that begins
# with ].
_ENDS = re.compile(rb"\x1b\\|[\x18\x1a]|\x1b(?=[^\\])")
_OSC_ENDS = re.compile(rb"\x07|\x1b\\|[\x18\x1a]|\x1b(?=[^\\])")
_BRACKETED_PASTE = b"2004"
# ConEmu's commands, such as progress, which share their number with iTerm's notifications.
_CONEMU = re.compile(r"\d{1,2}(;|\Z)")


@dataclass(frozen=True)
class Bell:
    """The program rang the bell."""


@dataclass(frozen=True)
class Notification:
    """The program asked the terminal to notify its user."""

    text: str


@dataclass(frozen=True)
class Title:
    """The program named the window."""

    text: str


Sign = Bell | Notification | Title


def plain(words: str) -> str:
    """On one line, without control and formatting characters, at most 300 characters."""
    printable = "".join(character if character.isprintable() else " " for character in words)
    return " ".join(printable.split())[:MAX_TEXT]


@dataclass
class SignReader:
    """Finds the signs in a program's output, wherever reads cut it. Keeps at most a few KiB."""

    bracketed_paste: bool = False
    _held: bytes = b""
    _string: bytearray | None = None  # a string sequence that hasn't ended, from its kind on
    _kitty: list[str] = field(default_factory=list)

    def feed(self, data: bytes) -> list[Sign]:
        """The signs that `data` completes."""
        data, self._held = self._held + data, b""
        signs: list[Sign] = []
        at = 0
        while at < len(data):
            sign, at = self._in_text(data, at) if self._string is None else self._in_string(self._string, data, at)
            if sign:
                signs.append(sign)
        return signs

    def _in_text(self, data: bytes, at: int) -> tuple[Sign | None, int]:
        """The next sign and where to continue."""
        found = _INTERESTING.search(data, at)
        if found is None:
            cut_off = _CUT_OFF.search(data, max(at, len(data) - _CUT_OFF_BYTES))
            self._held = cut_off[0] if cut_off else b""
            return None, len(data)
        if found["bell"] is not None:
            return Bell(), found.end()
        if found["string"]:
            self._string = bytearray(found["string"])
        elif found["reset"]:
            self.bracketed_paste = False
        elif _BRACKETED_PASTE in found["modes"][:-1].split(b";"):
            self.bracketed_paste = found["value"] == b"h"
        return None, found.end()

    def _in_string(self, string: bytearray, data: bytes, at: int) -> tuple[Sign | None, int]:
        ends = _OSC_ENDS if string.startswith(b"]") else _ENDS
        found = ends.search(data, at)
        stop = found.start() if found else len(data) - data.endswith(b"\x1b")
        string += data[at : min(stop, at + MAX_STRING_BYTES - len(string))] if len(string) < MAX_STRING_BYTES else b""
        if found is None:
            self._held = data[stop:]
            return None, len(data)
        self._string = None
        if found[0] in (_BELL, _TERMINATOR):
            return self._sign(string.decode(errors="replace")), found.end()
        return None, found.start() + (found[0] != b"\x1b")

    def _sign(self, string: str) -> Sign | None:
        number, _, text = string.removeprefix("]").partition(";")
        match number if string.startswith("]") else None:
            case "0" | "2":
                return Title(plain(text))
            case "9" if not _CONEMU.match(text):
                return _notification(text)
            case "777" if text.startswith("notify;"):
                return _notification(*text.split(";", 2)[1:])
            case "99":
                return self._kitty_sign(text)
        return None

    def _kitty_sign(self, string: str) -> Sign | None:
        """kitty's notifications come in parts, title and body, each with settings before it."""
        settings, _, text = string.partition(";")
        values = dict(setting.partition("=")[::2] for setting in settings.split(":"))
        if values.get("p", "title") in ("title", "body") and len(self._kitty) < MAX_KITTY_PARTS:
            self._kitty.append(_decoded(text) if values.get("e") == "1" else text)
        if values.get("d") == "0":
            return None
        parts, self._kitty = self._kitty, []
        return _notification(*parts)


def _notification(*parts: str) -> Notification | None:
    text = plain(": ".join(filter(None, parts)))
    return Notification(text) if text else None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
