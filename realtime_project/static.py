"""Selects the project's own files to be served under /static/."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles.finders import FileSystemFinder

NEVER = ("node_modules", "node_modules/*", "test", "test/*", "package-lock.json")


class PublicFilesFinder(FileSystemFinder):
    """Finds files in STATICFILES_DIRS, leaving out what only developers of clients/js need."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Any:
        return super().list([*(ignore_patterns or ()), *NEVER])
