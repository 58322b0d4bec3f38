"""Text from outside: NUL is refused, because PostgreSQL stores none and shells end at one.

The content of events is exempt: programs do print NUL, and it is stored and sent escaped, as JSON.
"""

from typing import Annotated

from pydantic import AfterValidator

from streams.protocol.messages import Code, ProtocolError, brief


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
