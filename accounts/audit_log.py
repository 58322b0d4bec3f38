"""The file that the audit log's lines are written to, for programs that ship logs."""

import os
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler


class AuditFile(WatchedFileHandler):
    """A file that only its owner can read; made anew when logrotate has moved it away."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", write_through=True)
