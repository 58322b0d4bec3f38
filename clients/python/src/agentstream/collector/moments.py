"""Finds where in a transcript a moment is, without reading all of it: its records are in the order of their time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from agentstream.collector.tail import Line, Tail, line_start

# Below this distance it is quicker to read on than to jump.
NEAR_BYTES = 512 * 1024


def first_since(path: Path, moment: float) -> int:
    """The byte at which the first record begins that says it was written at or after `moment`, in seconds since 1970;
    the file's end if there is none. Raises OSError."""
    begin, end = 0, path.stat().st_size
    if moment <= 0:
        return 0
    while end - begin > NEAR_BYTES:
        middle = line_start(path, (begin + end) // 2)
        found = next(((line, said) for line, said in _said(path, middle) if line.offset < end), None)
        if found is None or found[1] >= moment:
            end = (begin + end) // 2
        else:
            begin = found[0].end
    later = (line.offset for line, said in _said(path, begin) if said >= moment)
    return next(later, line_start(path, path.stat().st_size))


def _said(path: Path, offset: int) -> Iterator[tuple[Line, float]]:
    """The records from a line on that say when they were written."""
    tail = Tail(path, offset)
    while (lines := tail.read()) or tail.behind:
        for line in lines:
            if (moment := _moment(line.text)) is not None:
                yield line, moment


def _moment(text: bytes) -> float | None:
    with suppress(ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return datetime.fromisoformat(json.loads(text)["timestamp"]).timestamp()
    return None
