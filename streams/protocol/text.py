"""Validation of untrusted text: names, and text without NUL, which PostgreSQL can't store and which truncates shell
strings.

The content of events may contain NUL, because programs print it; it is stored and sent escaped, as JSON.
"""

from typing import Annotated

from pydantic import AfterValidator

from streams.protocol.messages import Code, ProtocolError, brief

NAME_LENGTH = 100


def without_nul(text: str) -> str:
    """`text` unchanged. Raises ProtocolError (INVALID_MESSAGE) if it contains NUL."""
    if "\0" in text:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected text without NUL, got {brief(text)}")
    return text


Text = Annotated[str, AfterValidator(without_nul)]


def refuse_nul(value: object) -> None:
    """Raise ProtocolError (INVALID_MESSAGE) if a text in decoded JSON contains NUL."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                without_nul(text)
            case dict() as found:
                waiting += [*found.keys(), *found.values()]
            case list() as found:
                waiting += found


def clean_name(name: str, what: str) -> str:
    """The name of a workspace, agent or token, stripped. Raises ProtocolError (INVALID_MESSAGE) if it is not valid."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"expected a {what} of 1 to {NAME_LENGTH} printable characters, got {len(name)}"
        )
    return name
