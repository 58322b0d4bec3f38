"""How a token is shown to the server, and to nobody else."""

from __future__ import annotations


def authorization(token: str) -> dict[str, str]:
    """The HTTP header that carries `token`. Raises ValueError, which does not repeat it, if none can."""
    if not token or not all("!" <= character <= "~" for character in token):
        raise ValueError("token: expected printable ASCII without spaces; got something else")
    return {"Authorization": f"Bearer {token}"}
