"""Names that people give: to workspaces, agents, tokens."""

from streams.protocol.messages import Code, ProtocolError

NAME_LENGTH = 100


def clean_name(name: str, what: str) -> str:
    """`name` without the white space around it. Raises ProtocolError (INVALID_MESSAGE) if it cannot be used."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"expected a {what} of 1 to {NAME_LENGTH} printable characters, got {len(name)}"
        )
    return name
