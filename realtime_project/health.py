"""Whether this server can do its work, for load balancers and start-up scripts."""

from django.http import HttpRequest, HttpResponse

from streams import log
from streams.protocol.messages import ProtocolError
from streams.runtime import Runtime


async def health(request: HttpRequest) -> HttpResponse:
    """200 `ok` while the log can be read, 503 while it cannot."""
    try:
        await Runtime.current().database.read(log.spans, ["health"])
    except ProtocolError as error:
        return HttpResponse(f"{error.message}\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
