"""Databases of earlier versions migrate without loss: before-accounts.sql has tokens in the app `workspaces`."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.api import Api
from tests.support.server import DATABASE, LiveServer
from tests.support.services import Postgres
from tests.support.viewer import viewer

DUMP = Path(__file__).parent / "databases" / "before-accounts.sql"
TOKEN, TICKET = "ags_of_ada", "ticket of ada"


@pytest.fixture
def migrated(tmp_path: Path) -> LiveServer:
    """A server whose database was made before the app `accounts`, and has been migrated."""
    database = sqlite3.connect(tmp_path / DATABASE)
    database.executescript(DUMP.read_text())
    database.close()
    server = LiveServer(tmp_path)
    server.prepare()
    return server


def shell(server: LiveServer, code: str) -> str:
    """What `code` prints in `manage.py shell`."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tokens_tickets_events_and_members_are_kept(migrated: LiveServer) -> None:
    with migrated as server:
        ada = Api(server.url, TOKEN)
        [workspace] = ada.get("/workspaces").data
        assert (workspace["name"], workspace["role"]) == ("Engines", "owner")
        [agent] = ada.get(f"/workspaces/{workspace['id']}/agents").data
        assert (agent["name"], agent["status"]) == ("builder", "running")
        page = ada.get(f"/agents/{agent['id']}/events").data
        assert [event["payload"].get("content") for event in page["events"]] == ["first line\n", "second line\n", None]
        members = ada.get(f"/workspaces/{workspace['id']}/members").data
        assert {(member["user"], member["role"]) for member in members} == {("ada", "owner"), ("bob", "viewer")}

        async def by_ticket() -> None:
            async with viewer(f"{server.ws_url}?ticket={TICKET.replace(' ', '%20')}") as one:
                await one.subscribe("agent", agent["id"])

        asyncio.run(by_ticket())
        assert [token["fullAccess"] for token in ada.get("/tokens").data] == [True]


def test_permissions_and_the_admins_history_follow_the_tokens(migrated: LiveServer) -> None:
    code = (
        "from django.contrib.auth.models import User; from django.contrib.admin.models import LogEntry;"
        "from django.contrib.contenttypes.models import ContentType;"
        "print(User.objects.get(username='ada').has_perm('accounts.add_token'),"
        " LogEntry.objects.get().content_type.app_label,"
        " LogEntry.objects.get().get_edited_object().name,"
        " ContentType.objects.filter(app_label='workspaces', model__in=['token', 'ticket']).count())"
    )
    assert shell(migrated, code) == "True accounts laptop 0"


def test_nothing_is_left_to_migrate(migrated: LiveServer) -> None:
    migrated.manage("migrate", "--check")


@pytest.mark.postgres
def test_tokens_are_kept_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    server = LiveServer(tmp_path, DATABASE_URL=postgres.create_database("migrated"))
    server.manage("migrate", "auth", "--verbosity=0")
    server.manage("migrate", "streams", "--verbosity=0")  # a user who is made has an inbox
    server.manage("migrate", "workspaces", "0002", "--verbosity=0")
    insert = (
        "from django.db import connection; from django.utils import timezone;"
        "from django.contrib.auth.models import User; import hashlib, uuid;"
        "ada = User.objects.create_user('ada');"
        "connection.cursor().execute('INSERT INTO workspaces_token (id, name, hash, hint, created_at, user_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)', [uuid.uuid4(), 'laptop',"
        f" hashlib.sha256(b'{TOKEN}').hexdigest(), 'ags_of_ad', timezone.now(), ada.pk])"
    )
    shell(server, insert)
    with server:
        [token] = Api(server.url, TOKEN).get("/tokens").data
        assert (token["name"], token["hint"], token["fullAccess"]) == ("laptop", "ags_of_ad", True)
