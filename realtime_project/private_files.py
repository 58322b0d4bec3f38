"""Keeps the data directory, with its live sessions and its secret key, from other users of the machine."""

import logging
import os
import stat
from pathlib import Path

logger = logging.getLogger(__name__)

OTHERS = stat.S_IRWXG | stat.S_IRWXO
SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock")


def create_private(folder: Path, database: str | None) -> None:
    """Create the folder, and an empty database file in it, readable only by their owner, if they don't exist.

    SQLite gives the files beside a database the same permissions.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database and Path(database).parent.is_dir():
        os.close(os.open(database, os.O_CREAT | os.O_RDONLY, 0o600))


def make_private(folder: Path, database: str | None) -> None:
    """Remove other users' permissions on the data, and log that."""
    files = [folder / "secret_key"]
    if database:
        files += [Path(database + suffix) for suffix in SQLITE_SUFFIXES]
    for path in (folder, *files):
        _take_from_others(path)


def _take_from_others(path: Path) -> None:
    try:
        found = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if not mode & OTHERS:
        return
    if found.st_uid != os.geteuid() or mode & stat.S_ISVTX:  # a deliberately shared folder, such as /tmp
        logger.warning(
            "%s is readable by others (mode %o), and its permissions can't be changed by this user", path, mode
        )
        return
    path.chmod(mode & ~OTHERS)
    logger.warning("made %s private: others could read it (mode %o)", path, mode)
