"""Cutting text by its size in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator


def clean(text: str) -> str:
    """`text` as UTF-8 can carry it: a lone surrogate becomes U+FFFD, a pair the character it means."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def size(text: str) -> int:
    """How many bytes clean `text` takes in UTF-8."""
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
