"""Pages of a stream's log, for HTTP."""

from collections.abc import Collection
from dataclasses import dataclass

from streams import log
from streams.protocol.messages import Code, ProtocolError
from streams.protocol.positions import Span

PAGE_LIMIT = 1_000
PAGE_BYTES = 4_194_304
CHUNK = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Events following `since`, as many as requested or fit; the next page follows the last one's seq."""

    texts: list[str]
    span: Span
    complete: bool

    def encode(self) -> str:
        complete = "true" if self.complete else "false"
        events = ",".join(self.texts)
        return f'{{"events":[{events}],"oldest":{self.span.oldest},"seq":{self.span.head},"complete":{complete}}}'


def page(name: str, since: int, limit: int, types: Collection[str] = ()) -> Page:
    """A page of the stream `name`, only with events of `types` if there are any. Raises ProtocolError (NOT_FOUND) if
    there is no such stream.

    If `since` isn't in the log's span, the page starts at the oldest event and isn't `complete`.
    """
    with log.snapshot():
        span = log.spans([name]).get(name)
        if span is None:
            raise ProtocolError(Code.NOT_FOUND, f"there is no stream {name}")
        complete = span.floor <= since <= span.head
        return Page(_collect(name, since if complete else span.floor, limit, types), span, complete)


def _collect(name: str, after: int, limit: int, types: Collection[str]) -> list[str]:
    texts: list[str] = []
    size = 0
    while len(texts) < limit and size < PAGE_BYTES:
        rows = log.read(name, after, min(CHUNK, limit - len(texts)), types)
        texts += [text for _, text in rows]
        size += sum(len(text) for _, text in rows)
        if len(rows) < CHUNK:
            break
        after = rows[-1][0]
    return texts
