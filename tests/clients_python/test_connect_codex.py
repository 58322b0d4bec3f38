"""What `agentstream connect codex` writes is taken out again without a trace, whatever Codex has written meanwhile."""

import json
import tomllib
from pathlib import Path

import pytest
from agentstream.connect.codex import CodexTool
from agentstream.connect.codex_trust import digest, key, trust, trusted
from agentstream.connect.settings_file import Journal

CONFIG = """# mine
model = "gpt-5.5"

[tui]
theme = "dark"
[hooks.state."/elsewhere/hooks.json:stop:0:0"]
trusted_hash = "sha256:0"
"""
HOOKS = """{
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "notify-send 'done'"}]}]
    }
}
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "connected.json")


@pytest.fixture
def tool(tmp_path: Path) -> CodexTool:
    home = tmp_path / 'Zoë\'s "home"'
    (home / ".codex").mkdir(parents=True)
    return CodexTool({"HOME": str(home), "XDG_STATE_HOME": str(home / "state")})


def connect(tool: CodexTool, journal: Journal, answer: bool = False) -> None:
    chosen = CodexTool(tool.environment, answer)
    chosen.connect(chosen.planned(), journal)


def texts(tool: CodexTool) -> tuple[str | None, str | None]:
    return tool.hooks.text(), tool.config.text()


@pytest.mark.parametrize(("hooks", "config"), [(HOOKS, CONFIG), (None, None), (HOOKS, CONFIG.rstrip("\n"))])
def test_both_files_are_the_same_to_the_byte_afterwards(
    tool: CodexTool, journal: Journal, hooks: str | None, config: str | None
) -> None:
    for file, text in ((tool.hooks, hooks), (tool.config, config)):
        if text is not None:
            file.path.write_text(text)
    connect(tool, journal)
    assert tool.is_connected()
    assert all(finding.good for finding in tool.findings())
    once = texts(tool)
    connect(tool, journal)
    assert texts(tool) == once
    assert [changed for _, changed in tool.disconnect(journal)] == [True, True]
    assert texts(tool) == (hooks, config)
    assert not journal.path.exists()


def test_what_codex_and_the_user_write_meanwhile_stays(tool: CodexTool, journal: Journal) -> None:
    tool.hooks.path.write_text(HOOKS)
    tool.config.path.write_text(CONFIG)
    connect(tool, journal)
    tool.config.path.write_text(tool.config.path.read_text() + "\n[notice]\nseen = true\n")
    connect(tool, journal, answer=True)
    assert dict(zip(("what", "good", "found"), vars(list(tool.findings())[1]).values(), strict=True)) == {
        "what": "codex permissions",
        "good": True,
        "found": "answered on the page",
    }
    hooks = json.loads(tool.hooks.path.read_text())
    hooks["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "theirs"}]})
    tool.hooks.path.write_text(json.dumps(hooks))
    assert all(changed for _, changed in tool.disconnect(journal))
    assert tool.config.path.read_text() == CONFIG + "\n[notice]\nseen = true\n"
    assert [group["hooks"][0]["command"] for group in json.loads(tool.hooks.path.read_text())["hooks"]["Stop"]] == [
        "notify-send 'done'",
        "theirs",
    ]


def test_trust_is_recorded_as_codex_records_it() -> None:
    """These are a hook, its place and its digest in the configuration that Codex 0.169.0 has written."""
    command = 'cat >> /tmp/cx/l/hooks.log; echo "$PPID" >> /tmp/cx/l/hooks.log'
    assert digest("PreToolUse", {"type": "command", "command": command}) == (
        "sha256:d43bdd47105f477a1f92b3a90ec684f96f2690aee0f7efbf0e0776881b905c23"
    )
    assert key(Path("/a/hooks.json"), "PreToolUse", 0, 0) == "/a/hooks.json:pre_tool_use:0:0"
    text = trust({'/a/"b":stop:0:0': "sha256:1"})(CONFIG)
    assert trusted(text) == {"/elsewhere/hooks.json:stop:0:0": "sha256:0", '/a/"b":stop:0:0': "sha256:1"}
    assert tomllib.loads(text)["model"] == "gpt-5.5"


def test_hooks_that_changed_after_they_were_trusted_are_noticed(tool: CodexTool, journal: Journal) -> None:
    connect(tool, journal)
    hooks = json.loads(tool.hooks.path.read_text())
    hooks["hooks"]["Stop"].insert(0, {"hooks": [{"type": "command", "command": "theirs"}]})
    tool.hooks.path.write_text(json.dumps(hooks))
    (trust_, _) = tool.findings()
    assert (trust_.good, "not trusted" in trust_.found) == (False, True)


@pytest.mark.parametrize("config", ["model = ", "hooks = 1", "[hooks]\nstate = {}"])
def test_a_configuration_that_cannot_be_added_to_is_left_alone(tool: CodexTool, journal: Journal, config: str) -> None:
    tool.config.path.write_text(config)
    with pytest.raises(ValueError, match=r"config\.toml"):
        connect(tool, journal)
    assert texts(tool) == (None, config)
