"""Middleware for every response: compression (static files are compressed once) and cache headers."""

import gzip
import logging
import os
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.decorators import sync_and_async_middleware
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError, StaticFile

logger = logging.getLogger(__name__)

NUL = "expected a query without NUL"
LEVEL = 6  # 9 takes a third longer, at the first start, for 0.3 %
WORTH_IT = {".css", ".html", ".js", ".json", ".svg", ".txt"}  # not files that are already compressed, nor source maps


@sync_and_async_middleware
def refuse_nul(get_response: Any) -> Any:
    """Refuse a page whose query contains NUL, which the admin's filters would pass to PostgreSQL."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponseBase:
            return HttpResponseBadRequest(NUL) if _asks_with_nul(request) else await get_response(request)
    else:

        def middleware(request: HttpRequest) -> HttpResponseBase:  # type: ignore[misc]
            return HttpResponseBadRequest(NUL) if _asks_with_nul(request) else get_response(request)

    return middleware


def _asks_with_nul(request: HttpRequest) -> bool:
    return "%00" in request.META["QUERY_STRING"] and not request.path.startswith("/api/")


@sync_and_async_middleware
def no_store(get_response: Any) -> Any:
    """Disable caching of pages: after signing out, a shared browser's Back button must not show them."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponseBase:
            return forbid_storing(await get_response(request))
    else:

        def middleware(request: HttpRequest) -> HttpResponseBase:  # type: ignore[misc]
            return forbid_storing(get_response(request))

    return middleware


def forbid_storing(response: HttpResponseBase) -> HttpResponseBase:
    """`response`, marked so that no browser or proxy caches it."""
    if "no-store" not in response.headers.get("Cache-Control", ""):
        response.headers["Cache-Control"] = "no-store"
    return response


class CompressedPageMiddleware(GZipMiddleware):
    """Django's compression, of HTML only: streams must not wait for a compressor, and API responses are small and may
    contain secrets, such as a new token.

    A page's length reveals nothing useful (BREACH): its CSRF token is masked differently each time, Django adds random
    bytes, and no page contains both a constant secret and text chosen by a stranger.
    """

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # In this thread: the one that Django would hop to costs more than compressing a page.
        return self.process_response(request, await self.get_response(request))  # type: ignore[misc,no-any-return]

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


class CompressedStaticMiddleware(ServeStaticMiddleware):  # type: ignore[misc]
    """servestatic, made to look for `file.gz` in DATA_DIR instead of beside the file.

    The compressed files are created there because the originals' directory may be a package or not writable. They are
    named by their content, so none is ever out of date, and several processes can share them.
    """

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise MissingFileError(path) from error
        digest = sha256(content).hexdigest()[:32]
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        headers["Access-Control-Allow-Origin"] = "*"
        # Weak, as it names the file however it is encoded; of the content, as a time in whole seconds may not change.
        headers["ETag"] = f'W/"{digest}"'
        encodings = {}
        if Path(path).suffix in WORTH_IT and (compressed := _compressed(digest, content)):
            encodings["gzip"] = str(compressed)
        return StaticFile(path, headers.items(), encodings=encodings)


def _compressed(digest: str, content: bytes) -> Path | None:
    """A file with `content` compressed; None if it can't be written, and the original is then sent."""
    path: Path = settings.DATA_DIR / "static" / f"{digest}.gz"
    try:
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            _write(path, gzip.compress(content, LEVEL, mtime=0))
    except OSError as error:
        _complain(error.strerror)
        return None
    return path


@cache  # logged once, not for each file
def _complain(reason: str) -> None:
    logger.warning("static files are sent uncompressed because DATA_DIR/static isn't writable: %s", reason)


def _write(path: Path, content: bytes) -> None:
    """Write the file elsewhere and then move it, so that another starting process can't serve half of it."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(draft).replace(path)
