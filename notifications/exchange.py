"""One request to a receiver, and its answer."""

import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import httpcore

from notifications.addresses import Deadline, ForbiddenAddressError, GuardedBackend
from notifications.messages import Message

EXCHANGE_SECONDS = 15.0
MAX_ANSWER = 4_096  # bytes read of an answer
USER_AGENT = "Agentstream"


@dataclass(frozen=True)
class Answer:
    """What became of a request: the receiver's answer, or why there is none. `retry_after` is in seconds."""

    status: int | None
    text: str
    retry_after: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def exchange(url: str, message: Message) -> Answer:
    """Send a request and read the answer. Redirects aren't followed."""
    encrypted = urlsplit(url).scheme == "https"
    backend = GuardedBackend(Deadline.in_seconds(EXCHANGE_SECONDS), encrypted)
    headers = {"user-agent": USER_AGENT, **message.headers}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_trusted(), network_backend=backend) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=message.body.encode()) as response,
        ):
            return Answer(response.status, _text(response), _retry_after(response))
    except ForbiddenAddressError as error:
        return Answer(None, str(error))
    except (httpcore.TimeoutException, TimeoutError):
        return Answer(None, f"no answer within {EXCHANGE_SECONDS:.0f} seconds")
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        return Answer(None, str(error) or type(error).__name__)


@cache
def _trusted() -> ssl.SSLContext:
    """Trusts the usual authorities, and those that the operator has added to the machine."""
    context = httpcore.default_ssl_context()
    context.load_default_certs()
    return context


def _text(response: httpcore.Response) -> str:
    """The first bytes of an answer's body, as text."""
    found = b""
    for chunk in response.iter_stream():
        found += chunk
        if len(found) >= MAX_ANSWER:
            break
    return found[:MAX_ANSWER].decode(errors="replace").replace("\0", "\ufffd")


def _retry_after(response: httpcore.Response) -> float:
    for name, value in response.headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            return float(value)
    return 0.0
