"""The engine is generic: import contracts in pyproject.toml say the rest."""

import ast

from tests.support import ROOT


def test_the_engine_knows_no_agents_and_no_workspaces() -> None:
    for path in sorted((ROOT / "streams").rglob("*.py")):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not {name for name in names if "agent" in name.lower() or "workspace" in name.lower()}, path
