"""HTML pages, compressed."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedPageMiddleware(GZipMiddleware):
    """Django's compression, of HTML only: what streams must not wait for a compressor, and what the API answers may
    hold secrets, such as a new token, and is small.

    A page says nothing by its length that is worth knowing (BREACH): the CSRF token in it is masked anew each time,
    Django adds random bytes, and no page has both a secret that stays the same and words that a stranger chose.
    """

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # Here and now: the thread that Django would hop to costs more than compressing a page.
        return self.process_response(request, await self.get_response(request))  # type: ignore[misc,no-any-return]

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
