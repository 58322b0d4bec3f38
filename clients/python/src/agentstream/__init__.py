"""Show people, live, what your AI agents are doing: publish, watch and run from Python."""

from agentstream.api import Api
from agentstream.blocking import Publisher as BlockingPublisher
from agentstream.errors import (
    AgentstreamError,
    Conflict,
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
from agentstream.messages import Attachment, FileChange, PlanEntry, UsageLimit
from agentstream.needs import Need, needs
from agentstream.publisher import Publisher
from agentstream.requests import Option, Request, Resolution
from agentstream.watch import Watch, watch

__version__ = "0.2.0"

__all__ = [
    "AgentstreamError",
    "Api",
    "Attachment",
    "BlockingPublisher",
    "Conflict",
    "Event",
    "FileChange",
    "Forbidden",
    "Gap",
    "InvalidMessage",
    "Need",
    "NotFound",
    "Option",
    "PlanEntry",
    "Publisher",
    "RateLimited",
    "Refused",
    "Request",
    "Resolution",
    "ServerError",
    "TooLarge",
    "TooManySubscriptions",
    "TryLater",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "UsageLimit",
    "Watch",
    "__version__",
    "needs",
    "watch",
]
