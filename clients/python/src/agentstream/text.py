"""Text: cleaning it, splitting it by its size in UTF-8, and decoding it line by line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator


def clean(text: str) -> str:
    """`text` in valid UTF-8: a lone surrogate becomes U+FFFD, a pair the character that it encodes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def size(text: str) -> int:
    """The bytes of clean `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def split(text: str, limit: int) -> Iterator[str]:
    """Clean `text` in pieces of at most `limit` (4 or more) bytes of UTF-8, cut only between code points.

    Empty text is one empty piece.
    """
    if size(text) <= limit:
        yield text
        return
    data = text.encode()
    start = 0
    while start < len(data):
        end = min(start + limit, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[start:end].decode()
        start = end


class LineReader:
    """Decodes UTF-8 that may be split anywhere and holds back incomplete lines.

    Bytes that aren't UTF-8 become U+FFFD. A line of more than `longest` characters isn't held back.
    """

    def __init__(self, longest: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._longest = longest
        self._parts: list[str] = []
        self._held = 0

    @property
    def held(self) -> int:
        """The number of characters held back."""
        return self._held

    def feed(self, data: bytes) -> str:
        """The lines completed by `data`, as one text with their newlines; possibly empty."""
        text = self._decoder.decode(data)
        end = text.rfind("\n") + 1
        whole = self.take() + text[:end] if end else ""
        self._hold(text[end:])
        return whole if self._held <= self._longest else whole + self.take()

    def take(self) -> str:
        """Remove and return the text held back."""
        text = "".join(self._parts)
        self._parts.clear()
        self._held = 0
        return text

    def close(self) -> str:
        """The remaining text, once there are no more bytes."""
        return self.take() + self._decoder.decode(b"", final=True)

    def _hold(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._held += len(text)
