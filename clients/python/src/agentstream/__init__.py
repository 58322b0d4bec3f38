"""Show people live what your AI agents do: publish, watch and run from Python."""

from agentstream.api import Api
from agentstream.blocking import Publisher as BlockingPublisher
from agentstream.errors import (
    AgentstreamError,
    Forbidden,
    InvalidMessage,
    NotFound,
    RateLimited,
    Refused,
    ServerError,
    TooLarge,
    TooManySubscriptions,
    TryLater,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from agentstream.events import Event, Gap
from agentstream.publisher import Publisher
from agentstream.watch import Watch, watch

__version__ = "0.2.0"

__all__ = [
    "AgentstreamError",
    "Api",
    "BlockingPublisher",
    "Event",
    "Forbidden",
    "Gap",
    "InvalidMessage",
    "NotFound",
    "Publisher",
    "RateLimited",
    "Refused",
    "ServerError",
    "TooLarge",
    "TooManySubscriptions",
    "TryLater",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "Watch",
    "__version__",
    "watch",
]
