"""Static files: which ones are public, and serving them, compressed once."""

import asyncio
import gzip
import logging
import os
import tempfile
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.finders import FileSystemFinder
from django.http import HttpRequest, HttpResponseBase
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import NOT_ALLOWED_RESPONSE, MissingFileError, StaticFile

from streams.asgi import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

NEVER = ("node_modules", "node_modules/*", "test", "test/*", "package-lock.json")
LEVEL = 6  # 9 takes a third longer, at the first start, for 0.3 %
WORTH_IT = {".css", ".html", ".js", ".json", ".svg", ".txt"}  # not files that are already compressed, nor source maps
METHODS = ("GET", "HEAD")
CLIENTS = "clients/"  # what pages of other sites may load
NOT_SENT = ("last-modified",)  # the ETag says more, and a page loads many files


class PublicFilesFinder(FileSystemFinder):
    """Finds files in STATICFILES_DIRS, leaving out what only developers of clients/js need."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Any:
        return super().list([*(ignore_patterns or ()), *NEVER])


class StaticFiles(ServeStaticMiddleware):  # type: ignore[misc]
    """Serves static files; what isn't one goes to `application`.

    servestatic decides which files there are and what headers they have. In front of Django, a page's forty files take
    a third of the time that they would inside: Django's request and servestatic's thread for each file cost more than
    the file. The answers' bodies stay in memory once they were asked for.

    servestatic is made to look for `file.gz` in DATA_DIR instead of beside the file. The compressed files are created
    there because the originals' directory may be a package or not writable. They are named by their content, so none
    is ever out of date, and several processes can share them.
    """

    def __init__(self, application: ASGIApp) -> None:
        super().__init__(_no_page)
        self._application = application
        self._bodies: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.autorefresh:
            file = await asyncio.to_thread(self.find_file, scope["path"])
        else:
            file = self.files.get(scope["path"])
        if file is None:
            await self._application(scope, receive, send)
            return
        status, headers, path = _chosen(file, scope)
        body = b"" if path is None else await self._body(path)
        named = [(name.lower(), value) for name, value in headers if value is not None]
        sent = [(name.encode(), value.encode()) for name, value in named if name not in NOT_SENT]
        sent += _security_headers(settings.HTTPS and (b"x-forwarded-proto", b"https") in scope["headers"])
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})

    async def _body(self, path: str) -> bytes:
        if self.autorefresh:
            return await asyncio.to_thread(Path(path).read_bytes)
        if path not in self._bodies:
            self._bodies[path] = await asyncio.to_thread(Path(path).read_bytes)
        return self._bodies[path]

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise MissingFileError(path) from error
        digest = sha256(content).hexdigest()[:16]
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        if url.startswith(f"{settings.STATIC_URL}{CLIENTS}"):
            headers["Access-Control-Allow-Origin"] = "*"
        # Weak, as it names the file however it is encoded; of the content, as a time in whole seconds may not change.
        headers["ETag"] = f'W/"{digest}"'
        encodings = {}
        if Path(path).suffix in WORTH_IT and (compressed := _compressed(digest, content)):
            encodings["gzip"] = str(compressed)
        return StaticFile(path, headers.items(), encodings=encodings)


def _chosen(file: StaticFile, scope: Scope) -> tuple[int, list[tuple[str, str | None]], str | None]:
    """Status and headers of the answer, and the file with its body."""
    if scope["method"] not in METHODS:
        return int(NOT_ALLOWED_RESPONSE.status), NOT_ALLOWED_RESPONSE.headers, None
    asked = {
        "HTTP_" + name.decode("latin-1").upper().replace("-", "_"): value.decode("latin-1")
        for name, value in scope["headers"]
    }
    if file.is_not_modified(asked):
        return int(file.not_modified_response.status), file.not_modified_response.headers, None
    path, headers = file.get_path_and_headers(asked)
    return 200, headers, path if scope["method"] == "GET" else None


@cache
def _security_headers(encrypted: bool) -> list[tuple[bytes, bytes]]:
    """Those of Django's SecurityMiddleware."""
    transport = f"max-age={settings.SECURE_HSTS_SECONDS}".encode()
    return [
        *([(b"strict-transport-security", transport)] if encrypted else []),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
        (b"cross-origin-opener-policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY.encode()),
    ]


async def _no_page(request: HttpRequest) -> HttpResponseBase:
    raise NotImplementedError("servestatic's own middleware isn't used")


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
