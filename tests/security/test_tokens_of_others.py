"""Staff who may add tokens add their own: a token acts as its user."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.models import Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser() -> User:
    return User.objects.create(username="boss", is_staff=True, is_superuser=True)


@pytest.fixture
def staff() -> User:
    """A staff user whose only permissions are those on tokens."""
    user = User.objects.create(username="helper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts", codename__contains="token"))
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def add(client: Client, user: User) -> bool:
    """Whether a token of `user` was made."""
    form = {"user": user.pk, "name": "ci", "scopes": ["publish"], "expires_at_0": "", "expires_at_1": ""}
    answer = client.post("/admin/accounts/token/add/", form).content.decode()
    return re.search(r"ags_[\w-]{43}", answer) is not None


def test_staff_cannot_make_a_superusers_token(staff: User, superuser: User) -> None:
    assert not add(client_of(staff), superuser)
    assert not Token.objects.exists()


def test_staff_can_make_their_own(staff: User) -> None:
    assert add(client_of(staff), staff)


def test_a_superuser_can_make_anybodys(superuser: User, staff: User) -> None:
    assert add(client_of(superuser), staff)


def test_staff_see_and_change_no_token_of_others(staff: User, superuser: User) -> None:
    assert add(client_of(superuser), superuser)
    token = Token.objects.get()
    assert token.hint not in client_of(staff).get("/admin/accounts/token/").content.decode()
    answer = client_of(staff).post(f"/admin/accounts/token/{token.pk}/change/", {"name": "mine now"})
    assert answer.status_code == 302
    token.refresh_from_db()
    assert token.name == "ci"
