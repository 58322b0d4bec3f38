"""A backup restores what was backed up, also after a crash that left a write-ahead log behind."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.support.api import Api, agent_of
from tests.support.server import DATABASE, LiveServer

ROOT_USER = ("root", "--create", "--superuser")


def contents_of(root: Api, agent_id: str) -> list[str]:
    return [event["payload"]["content"] for event in root.get(f"/agents/{agent_id}/events").data["events"]]


def test_a_restored_backup_holds_what_was_backed_up_and_nothing_later(tmp_path: Path) -> None:
    backup = tmp_path / "copy.sqlite3"
    folder = tmp_path / "data"
    folder.mkdir()
    with LiveServer(folder) as server:
        root = Api(server.url, server.token(*ROOT_USER))
        _, agent_id = agent_of(root)
        root.output(agent_id, "before")
        server.manage("backup", str(backup))
        for number in range(50):
            root.output(agent_id, f"after {number}")
        server.kill()
        assert (folder / f"{DATABASE}-wal").stat().st_size > 0, "the crash left a log that could be replayed"
        server.manage("restore", str(backup))
        server.start()
        assert contents_of(root, agent_id) == ["before"]
        root.output(agent_id, "anew")
        assert contents_of(root, agent_id) == ["before", "anew"]
    connection = sqlite3.connect(folder / DATABASE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_restoring_is_refused_while_a_server_runs(own_live: LiveServer, tmp_path: Path) -> None:
    backup = tmp_path / "copy.sqlite3"
    own_live.manage("backup", str(backup))
    with pytest.raises(RuntimeError, match="a server is running on this database: stop it first"):
        own_live.manage("restore", str(backup))


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100], ids=["empty", "text"])
def test_a_file_that_is_not_a_backup_is_refused_and_changes_nothing(tmp_path: Path, content: bytes) -> None:
    server = LiveServer(tmp_path)
    server.prepare()
    before = (tmp_path / DATABASE).read_bytes()
    backup = tmp_path / "copy.sqlite3"
    backup.write_bytes(content)
    with pytest.raises(RuntimeError, match="expected a backup of Agentstream"):
        server.manage("restore", str(backup))
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    server.prepare()
    backup = tmp_path / "copy.sqlite3"
    shutil.copyfile(tmp_path / DATABASE, backup)
    with backup.open("r+b") as file:
        file.seek(8_192)
        file.write(b"\xff" * 8_192)
    with pytest.raises(RuntimeError, match="expected a backup of Agentstream"):
        server.manage("restore", str(backup))


def test_a_backup_overwrites_nothing(own_live: LiveServer, tmp_path: Path) -> None:
    backup = tmp_path / "copy.sqlite3"
    backup.write_text("precious")
    with pytest.raises(RuntimeError, match="expected a new file name"):
        own_live.manage("backup", str(backup))
    assert backup.read_text() == "precious"
