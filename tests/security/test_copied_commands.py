"""A command copied from a page runs what it shows, whatever the names in it."""

import html
import re
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.services import AgentService
from workspaces.services import WorkspaceService

NAMES = [
    "$(touch hacked)",
    "`touch hacked`",
    "'; touch hacked; '",
    '"; touch hacked; "',
    "a\\'; touch hacked #",
    "!!",
    "--token-file=/etc/passwd",
    "$HOME ~ *",
    "<b>&amp;</b>",
]
PRINT = 'agentstream() { printf "%s\\n" "$@"; }\n'


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_an_agents_name_is_one_word_of_the_command(tmp_path: Path, name: str) -> None:
    user = User.objects.create(username="ada")
    workspace = WorkspaceService.create("Team", owner_id=user.pk)
    agent = AgentService.create(workspace.pk, name)
    client = Client()
    client.force_login(user)
    page = client.get(f"/a/{agent.pk}/").content.decode()
    [command] = re.findall(r"<copy-command>(agentstream run .*?)</copy-command>", page)
    run = subprocess.run(
        ["bash", "-c", PRINT + html.unescape(command)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"--name={name}" in run.stdout.splitlines()
    assert not list(tmp_path.iterdir())
