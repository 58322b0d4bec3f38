"""Text from outside: names that people give, and text without NUL, which PostgreSQL cannot store and shells end at.

The content of events may hold NUL: programs do print it, and it is stored and sent escaped, as JSON.
"""

from typing import Annotated

from pydantic import AfterValidator

from streams.protocol.messages import Code, ProtocolError, brief

NAME_LENGTH = 100


def without_nul(text: str) -> str:
    """`text`. Raises ProtocolError (INVALID_MESSAGE) where it holds NUL."""
    if "\0" in text:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected text without NUL, got {brief(text)}")
    return text


Text = Annotated[str, AfterValidator(without_nul)]


def refuse_nul(value: object) -> None:
    """Raise ProtocolError (INVALID_MESSAGE) where a text in decoded JSON holds NUL."""
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
