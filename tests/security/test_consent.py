"""Nobody becomes a member without consent, and no owner learns who has an account."""

import json
import uuid
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.session import Session


class Team:
    """A workspace with an owner who is no superuser."""

    def __init__(self, live: LiveServer) -> None:
        self.live = live
        self.owner = Api(live.url, live.token(f"owner-{uuid.uuid4()}"))
        self.path = f"/workspaces/{self.owner.workspace('Team')['id']}/members"

    def invite(self, name: str, role: str = "viewer") -> Any:
        return self.owner.post(self.path, {"user": name, "role": role})

    def person(self) -> tuple[str, Api]:
        name = f"person-{uuid.uuid4()}"
        return name, Api(self.live.url, self.live.token(name))

    def members(self) -> list[str]:
        return [member["user"] for member in self.owner.get(self.path).data]


@pytest.fixture
def team(both: LiveServer, admin: Api) -> Team:
    return Team(both)


def shape(answer: Any, name: str) -> Any:
    """An answer without what differs between any two invitations."""
    different = {"id", "createdAt", "expiresAt"}
    text = json.dumps({key: value for key, value in answer.data.items() if key not in different})
    return answer.status, text.replace(name, "NAME")


def test_an_owner_gets_the_same_response_whether_a_user_exists_or_not(team: Team) -> None:
    name, _ = team.person()
    nobody = f"person-{uuid.uuid4()}"
    assert shape(team.invite(name), name) == shape(team.invite(nobody), nobody)
    assert shape(team.invite(name), name) == shape(team.invite(nobody), nobody)
    pending = team.owner.get(team.path.replace("members", "invitations")).data
    assert sorted(one["user"] for one in pending) == sorted([name, nobody])
    assert {one["hint"] for one in pending} == {""}


def test_nobody_is_a_member_before_they_accept(team: Team) -> None:
    name, person = team.person()
    assert team.invite(name, "operator").status == 202
    assert name not in team.members()
    assert person.get(team.path).status == 404
    [invitation] = person.get("/invitations").data
    assert (invitation["workspaceName"], invitation["role"]) == ("Team", "operator")
    accepted = person.post(f"/invitations/{invitation['id']}/accept")
    assert (accepted.status, accepted.data["role"]) == (201, "operator")
    assert name in team.members()
    assert person.post(f"/invitations/{invitation['id']}/accept").status == 404


def test_declining_an_invitation_adds_nobody(team: Team) -> None:
    name, person = team.person()
    invitation = team.invite(name).data["id"]
    assert person.call("DELETE", f"/invitations/{invitation}").status == 204
    assert person.get("/invitations").data == []
    assert person.post(f"/invitations/{invitation}/accept").status == 404
    assert name not in team.members()


def test_an_invitation_by_name_is_for_nobody_else(team: Team) -> None:
    name, _ = team.person()
    _, other = team.person()
    invitation = team.invite(name).data["id"]
    assert other.get("/invitations").data == []
    assert other.post(f"/invitations/{invitation}/accept").status == 404
    assert other.call("DELETE", f"/invitations/{invitation}").status == 404


def test_an_account_created_later_with_an_invited_name_is_not_invited(team: Team) -> None:
    name = f"late-{uuid.uuid4()}"
    invitation = team.invite(name, "owner").data["id"]
    late = Api(team.live.url, team.live.token(name))
    assert late.get("/invitations").data == []
    assert late.post(f"/invitations/{invitation}/accept").status == 404


def test_an_invitation_by_e_mail_is_for_the_account_with_that_address(team: Team) -> None:
    name, person = team.person()
    _, other = team.person()
    address = f"{name}@Example.org"
    script = "from django.contrib.auth.models import User; User.objects.filter(username='{}').update(email='{}')"
    team.live.run("shell", "--no-imports", "-c", script.format(name, address))
    invitation = team.invite(address.lower()).data["id"]
    assert other.get("/invitations").data == []
    assert other.post(f"/invitations/{invitation}/accept").status == 404
    assert [one["id"] for one in person.get("/invitations").data] == [invitation]
    assert person.post(f"/invitations/{invitation}/accept").status == 201
    assert name in team.members()


def test_inviting_again_replaces_the_invitation(team: Team) -> None:
    name, person = team.person()
    team.invite(name, "owner")
    team.invite(name, "viewer")
    assert [one["role"] for one in person.get("/invitations").data] == ["viewer"]


def test_the_overview_asks_and_joins(team: Team) -> None:
    name, _ = team.person()
    invitation = team.invite(name).data["id"]
    session = Session(team.live, name)
    assert "Join Team" in session.get("/")[2]
    form = f"accept=&csrfmiddlewaretoken={session.cookie('csrftoken')}".encode()
    assert session.post(f"/invitations/{invitation}/", form) == 200
    assert name in team.members()
    assert "Join Team" not in session.get("/")[2]
    assert session.post(f"/invitations/{invitation}/", form) == 410


def test_an_owner_still_changes_roles_and_a_superuser_still_adds(team: Team, admin: Api) -> None:
    name, _ = team.person()
    added = admin.post(team.path, {"user": name, "role": "viewer"})
    assert (added.status, added.data["role"]) == (201, "viewer")
    changed = team.invite(name, "operator")
    assert (changed.status, changed.data["role"]) == (201, "operator")
