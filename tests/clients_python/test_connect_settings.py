"""What `agentstream connect` writes into somebody's settings can be taken out again without a trace."""

import json
from pathlib import Path
from typing import Any

import pytest
from agentstream.connect import claude_settings
from agentstream.connect.hook_settings import parse
from agentstream.connect.settings_file import Journal, SettingsFile, json_edit

UNDO = json_edit(parse, claude_settings.disconnected)
SCRIPT = Path("/home/Zoë's home/.local/state/agentstream/hooks/hook.sh")
THEIRS = """{
    "model": "opus",
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "notify-send 'done'"}]}],
        "PreToolUse": [ {"matcher": "Bash", "hooks": [{"type": "command", "command": "guard"}]} ]
    },
    "statusLine": {"type": "command", "command": "my 'status' $line", "padding": 0}
}
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "connected.json")


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / ".claude" / "settings.json")


def connect(file: SettingsFile, journal: Journal) -> None:
    if text := file.changed(json_edit(parse, lambda settings: claude_settings.connected(settings, SCRIPT))):
        file.write(text, journal, UNDO)


def disconnect(file: SettingsFile, journal: Journal) -> bool:
    return file.take_back(UNDO, journal)


def test_settings_are_the_same_to_the_byte_afterwards(file: SettingsFile, journal: Journal) -> None:
    file.path.parent.mkdir()
    file.path.write_text(THEIRS)
    connect(file, journal)
    assert claude_settings.is_connected(json.loads(file.path.read_text()))
    assert disconnect(file, journal)
    assert file.path.read_text() == THEIRS
    assert not journal.path.exists()


def test_a_file_that_was_not_there_is_gone_afterwards(file: SettingsFile, journal: Journal) -> None:
    connect(file, journal)
    assert file.path.exists()
    assert disconnect(file, journal)
    assert not file.path.exists()


def test_connecting_twice_changes_nothing_more(file: SettingsFile, journal: Journal) -> None:
    file.path.parent.mkdir()
    file.path.write_text(THEIRS)
    connect(file, journal)
    once = file.path.read_text()
    connect(file, journal)
    assert file.path.read_text() == once
    assert disconnect(file, journal)
    assert file.path.read_text() == THEIRS


def test_connecting_again_after_others_changed_the_file_still_leaves_no_trace(
    file: SettingsFile, journal: Journal
) -> None:
    file.path.parent.mkdir()
    file.path.write_text(THEIRS)
    connect(file, journal)
    settings = json.loads(file.path.read_text())
    del settings["hooks"]["SessionStart"]
    file.path.write_text(json.dumps(settings | {"model": "haiku"}))
    connect(file, journal)
    assert claude_settings.is_connected(json.loads(file.path.read_text()))
    assert disconnect(file, journal)
    assert json.loads(file.path.read_text()) == json.loads(THEIRS) | {"model": "haiku"}


def test_what_others_change_meanwhile_stays(file: SettingsFile, journal: Journal) -> None:
    file.path.parent.mkdir()
    file.path.write_text(THEIRS)
    connect(file, journal)
    settings = json.loads(file.path.read_text())
    settings["model"] = "haiku"
    settings["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "other"}]})
    file.path.write_text(json.dumps(settings))
    assert disconnect(file, journal)
    expected: dict[str, Any] = json.loads(THEIRS)
    expected["model"] = "haiku"
    expected["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "other"}]})
    assert json.loads(file.path.read_text()) == expected


def test_foreign_entries_and_the_users_status_line_are_kept(file: SettingsFile) -> None:
    settings = claude_settings.connected(json.loads(THEIRS), SCRIPT)
    assert settings["hooks"]["PreToolUse"][0] == json.loads(THEIRS)["hooks"]["PreToolUse"][0]
    assert settings["statusLine"]["padding"] == 0
    assert claude_settings.disconnected(settings) == json.loads(THEIRS)


def test_a_link_to_the_settings_stays_a_link(file: SettingsFile, journal: Journal, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text(THEIRS)
    file.path.parent.mkdir()
    file.path.symlink_to(real)
    connect(file, journal)
    assert file.path.is_symlink()
    assert real.read_text() != THEIRS
    disconnect(file, journal)
    assert real.read_text() == THEIRS


@pytest.mark.parametrize("text", ["{", "[]", '{"hooks": []}', '{"hooks": {"Stop": {}}}', "null"])
def test_settings_that_are_not_understood_are_left_alone(file: SettingsFile, journal: Journal, text: str) -> None:
    file.path.parent.mkdir()
    file.path.write_text(text)
    with pytest.raises(ValueError, match="expected"):
        connect(file, journal)
    assert file.path.read_text() == text


def test_settings_that_forbid_hooks_are_noticed() -> None:
    assert claude_settings.forbidden({"disableAllHooks": True}) == "disableAllHooks is set"
    assert claude_settings.forbidden({"disableAllHooks": False}) is None
