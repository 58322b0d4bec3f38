"""Recent events and the frames cut from them: encoded once, shared by all sockets."""

import struct
from collections.abc import Iterable


class Frame:
    """One WebSocket text message, as UTF-8. `wire` is built on first use and shared by every socket it goes to."""

    __slots__ = ("_wire", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._wire: bytes | None = None

    @property
    def wire(self) -> bytes:
        """The unmasked frame of RFC 6455 section 5.2, with its header."""
        if self._wire is None:
            self._wire = _header(len(self.payload)) + self.payload
        return self._wire


def _header(length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", 0x81, length)
    if length < 65_536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


class Window:
    """Consecutive events of a stream, as UTF-8 JSON: those following seq `after`, up to `last`.

    `part` hands out the next frame for a reader at some seq; readers at the same seq share it.
    """

    __slots__ = ("_frames", "_skipped", "_texts", "after", "size")

    def __init__(self, after: int, texts: Iterable[bytes] = ()) -> None:
        self.after = after
        self._texts = list(texts)
        self._skipped = 0  # texts at the front that are forgotten but still in the list
        self._frames: dict[tuple[int, int], tuple[Frame, int]] = {}
        self.size = sum(map(len, self._texts))

    @property
    def last(self) -> int:
        return self.after + len(self._texts) - self._skipped

    def __len__(self) -> int:
        return len(self._texts) - self._skipped

    def text(self, seq: int) -> bytes | None:
        """The event `seq`, if this window holds it."""
        index = seq - self.after - 1 + self._skipped
        return self._texts[index] if self.after < seq <= self.last else None

    def texts(self) -> list[bytes]:
        """All events held."""
        return self._texts[self._skipped :]

    def extend(self, texts: Iterable[bytes]) -> None:
        """Add the events that follow `last`."""
        for text in texts:
            self._texts.append(text)
            self.size += len(text)
        self._frames.clear()

    def forget(self, max_events: int, max_bytes: int) -> None:
        """Forget the oldest events until both bounds are met; the newest one always stays."""
        while len(self) > 1 and (len(self) > max_events or self.size > max_bytes):
            self.size -= len(self._texts[self._skipped])
            self._skipped += 1
            self.after += 1
        if self._skipped * 2 > len(self._texts):
            del self._texts[: self._skipped]
            self._skipped = 0

    def part(self, seq: int, max_bytes: int) -> tuple[Frame, int] | None:
        """A frame of what follows `seq`, and the seq it reaches; None if this window doesn't have what follows.

        The frame holds events up to `max_bytes` in all, but at least one; with 0 it holds exactly one.
        """
        key = (seq, max_bytes)
        cached = self._frames.get(key)
        if cached is None and self.after <= seq < self.last:
            cached = self._frames[key] = self._join(seq, max_bytes)
        return cached

    def _join(self, seq: int, max_bytes: int) -> tuple[Frame, int]:
        start = end = seq - self.after + self._skipped
        size = 0
        while end < len(self._texts):
            size += len(self._texts[end]) + 1
            if size > max_bytes and end > start:
                break
            end += 1
        return Frame(b"\n".join(self._texts[start:end])), seq + end - start
