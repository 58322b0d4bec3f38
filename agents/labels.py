"""Labels that a producer gives its agent, such as its host, repository and tool; text to text."""

import json
import re
from collections.abc import Mapping
from typing import Any

from streams.protocol.messages import Code, ProtocolError, brief
from streams.protocol.text import without_nul

MAX_LABELS = 24
VALUE_LENGTH = 300
NAME = re.compile(r"[a-z][a-zA-Z0-9_.-]{0,39}")

Labels = dict[str, str]


class ReadableEncoder(json.JSONEncoder):
    """Stores text unescaped, so that SQLite can search it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False})


def merged(labels: Mapping[str, str], changes: Mapping[str, str | None]) -> Labels:
    """`labels` with `changes` applied; None removes a label.

    Raises ProtocolError (INVALID_MESSAGE) for invalid names and values, or too many labels.
    """
    for name, value in changes.items():
        _check(name, value)
    together = {name: value for name, value in {**labels, **changes}.items() if value is not None}
    if len(together) > MAX_LABELS:
        raise ProtocolError(Code.INVALID_MESSAGE, f"labels: expected at most {MAX_LABELS}, got {len(together)}")
    return together


def _check(name: str, value: str | None) -> None:
    if not NAME.fullmatch(name):
        expected = "a name of 1 to 40 letters, digits, _ . and - that begins with a small letter"
        raise ProtocolError(Code.INVALID_MESSAGE, f"labels: expected {expected}, got {brief(name)}")
    if value is not None and len(without_nul(value)) > VALUE_LENGTH:
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"labels.{name}: expected at most {VALUE_LENGTH} characters, got {len(value)}"
        )
