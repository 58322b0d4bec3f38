"""Which command lines run an interactive tool."""

import pytest
from agentstream.terminal.tools import is_interactive


@pytest.mark.parametrize(
    "line",
    [
        "claude",
        "claude --resume abc --model opus",
        "claude -c",
        "/usr/bin/claude explain",
        "npx -y @anthropic-ai/claude-code@2.1",
        "env A=1 codex",
        "codex resume --last",
        "opencode",
        "opencode ./folder",
        "gemini -i hello",
    ],
)
def test_it_is_interactive(line: str) -> None:
    assert is_interactive(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "claude -p hello",
        "claude --print",
        "claude -cp hello",
        "claude --print=x",
        "claude --version",
        "claude mcp list",
        "codex exec hello",
        "codex -m gpt-5 exec hello",
        "opencode run hello",
        "opencode serve",
        "gemini -p hello",
        "gemini --prompt=hello",
        "make claude",
        "echo",
        "env A=1",
        "--",
    ],
)
def test_it_is_not(line: str) -> None:
    assert not is_interactive(line.split())
