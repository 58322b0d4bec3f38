"""Imports run one way: realtime_project, agents, workspaces, streams; the clients import none of them."""

import ast
from pathlib import Path

import pytest

from tests.support.server import ROOT

ROOMS = ["realtime_project", "agents", "workspaces", "streams"]  # each may import those after it
CLIENT = ROOT / "clients/python/src"


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)


def imported(path: Path) -> set[str]:
    """The first parts of the names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                found |= {name.name.split(".")[0] for name in names}
            case ast.ImportFrom(str(module), _, 0):
                found.add(module.split(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_above_it(room: str) -> None:
    above = set(ROOMS[: ROOMS.index(room)])
    for path in modules(ROOT / room):
        assert not imported(path) & above, path


def test_the_python_client_imports_nothing_of_the_server() -> None:
    for path in modules(CLIENT):
        assert not imported(path) & {"django", "channels", *ROOMS}, path


def test_the_engine_knows_no_agents_and_no_workspaces() -> None:
    for path in modules(ROOT / "streams"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not {name for name in names if "agent" in name.lower() or "workspace" in name.lower()}, path
