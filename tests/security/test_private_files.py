"""Other users of the machine can read neither the database nor the secret key."""

import stat
from pathlib import Path

from tests.support.api import Api, agent_of
from tests.support.server import DATABASE, SHARED_KEY, LiveServer


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class FreshServer(LiveServer):
    fresh = True


def test_files_created_by_a_new_server_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    with FreshServer(folder) as server:
        agent_of(Api(server.url, server.token("root", "--create", "--superuser")))
        assert mode(folder) == 0o700
        names = {path.name for path in folder.iterdir()}
        assert {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "secret_key"} <= names
        for name in names - {"server.log", "static"}:
            assert mode(folder / name) == 0o600, name


def test_an_existing_directory_is_made_private_at_startup_and_that_is_logged(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    server = LiveServer(folder)
    server.prepare()
    (folder / DATABASE).chmod(0o644)
    (folder / "secret_key").write_text(SHARED_KEY)
    (folder / "secret_key").chmod(0o640)
    folder.chmod(0o755)
    server.start()
    try:
        assert [mode(folder), mode(folder / DATABASE), mode(folder / "secret_key")] == [0o700, 0o600, 0o600]
        for was in ("644", "640", "755"):
            assert f"others could read it (mode {was})" in server.log
    finally:
        server.stop()


def test_a_shared_folder_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o1777)
    with LiveServer(folder) as server:
        assert mode(folder) == 0o1777
        assert "its permissions can't be changed by this user" in server.log
