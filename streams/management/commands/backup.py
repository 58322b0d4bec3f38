"""`manage.py backup FILE`: copies the SQLite database, even while the server is running."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections


def sqlite_database() -> Path:
    """The file of the SQLite database. Raises CommandError for another database."""
    connection = connections["default"]
    if connection.vendor != "sqlite":
        raise CommandError(f"expected an SQLite database, got {connection.vendor}: use pg_dump and pg_restore")
    return Path(connection.settings_dict["NAME"])


def problem_of(database: Path) -> str | None:
    """What SQLite finds wrong with a database file; None if nothing."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("SELECT COUNT(*) FROM streams_stream").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else str(found)


def copy(source: Path, target: Path) -> None:
    """A consistent copy, which only its owner can read. Raises sqlite3.DatabaseError."""
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    target.chmod(0o600)
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")  # without a write-ahead log


class Command(BaseCommand):
    help = "Copy the SQLite database to FILE. The server may be running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if file.exists():
            raise CommandError(f"expected a new file name, got an existing file: {file}")
        unfinished = file.with_name(f"{file.name}.unfinished")
        try:
            copy(sqlite_database(), unfinished)
            if problem := problem_of(unfinished):
                raise CommandError(f"the copy is damaged: {problem}")
            unfinished.rename(file)
        except (OSError, sqlite3.DatabaseError) as error:
            raise CommandError(f"cannot back up to {file}: {error}") from None
        finally:
            unfinished.unlink(missing_ok=True)
        self.stdout.write(f"backed up to {file} ({file.stat().st_size} bytes)")
