"""What a caller shows of itself, and whose it is: looked up for many callers at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from accounts.credentials import identify_sessions, identify_tokens, redeem_tickets
from accounts.identity import Identity
from streams.runtime import Runtime

BATCH = 200


class Means(Enum):
    """How a caller shows who it is."""

    TICKET = auto()
    TOKEN = auto()
    SESSION = auto()


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as it came, not yet believed."""

    means: Means
    secret: str


async def identified(item: Presented | None) -> Identity | None:
    """Who presents this, asked together with whoever else comes at this moment. Raises ProtocolError (UNAVAILABLE)."""
    if item is None:
        return None
    return await Runtime.current().database.read_together(identify, item, BATCH)


def identify(presented: Sequence[Presented]) -> list[Identity | Exception | None]:
    """Whose each is, None where it does not hold; in a few queries, however many there are."""
    secrets = {means: {item.secret for item in presented if item.means is means} for means in Means}
    found = {
        Means.TOKEN: identify_tokens(secrets[Means.TOKEN]),
        Means.SESSION: identify_sessions(secrets[Means.SESSION]),
        Means.TICKET: redeem_tickets(secrets[Means.TICKET]),
    }
    # A ticket is spent by the first who presents it, also where two do so at the same moment.
    spent: set[str] = set()
    identities: list[Identity | Exception | None] = []
    for item in presented:
        doubled = item.means is Means.TICKET and item.secret in spent
        spent.add(item.secret)
        identities.append(None if doubled else found[item.means].get(item.secret))
    return identities
