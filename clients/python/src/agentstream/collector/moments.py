"""Finds where in a transcript a moment is, without reading all of it: its records are in the order of their time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agentstream.collector.tail import Line, Tail, line_start

# Below this distance it is quicker to read on than to jump.
NEAR_BYTES = 512 * 1024


@dataclass(frozen=True)
class Search:
    """Where the first record begins that was written at or after a moment; if there is none yet, where to search on."""

    offset: int
    found: bool


def first_since(path: Path, moment: float, begin: int = 0) -> Search:
    """Search a file from the line at byte `begin` on for a moment, in seconds since 1970. Raises OSError."""
    if moment <= 0:
        return Search(begin, True)
    end = path.stat().st_size
    while end - begin > NEAR_BYTES:
        middle = (begin + end) // 2
        tail = Tail(path, line_start(path, middle))
        line, said = next(((line, said) for line, said in _said(tail) if line.offset < end), (None, moment))
        if line is None or said >= moment:
            end = middle
        else:
            begin = line.end
    tail = Tail(path, begin)
    first = next((line.offset for line, said in _said(tail) if said >= moment), None)
    return Search(tail.offset, False) if first is None else Search(first, True)


def _said(tail: Tail) -> Iterator[tuple[Line, float]]:
    """The records that say when they were written."""
    while (lines := tail.read()) or tail.behind:
        for line in lines:
            if (moment := _moment(line.text)) is not None:
                yield line, moment


def _moment(text: bytes) -> float | None:
    with suppress(ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return datetime.fromisoformat(json.loads(text)["timestamp"]).timestamp()
    return None
