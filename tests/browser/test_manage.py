"""People manage workspaces, agents and their accounts on the pages themselves."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.chromium import Complaints, expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

PASSWORD = """
from django.contrib.auth.models import User
user = User.objects.get(username="NAME")
user.set_password("first-Passw0rd")
user.save()
"""


def test_an_owner_renames_and_deletes_agents_and_the_workspace(
    tab: Page, live: LiveServer, place: Place, owner: str, complaints: Complaints
) -> None:
    sign_in(tab, live, owner)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    expect(tab.get_by_role("button", name=re.compile("needs? you"))).to_be_visible()
    tab.get_by_role("button", name="More").click()
    tab.get_by_role("button", name="Rename…").click()
    tab.get_by_role("textbox", name="Name").fill("renamed <i>worker</i>")
    tab.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("renamed <i>worker</i>")

    tab.clock.install()
    for undone in (True, False):
        if not tab.get_by_role("button", name="Delete agent").is_visible():
            tab.get_by_role("button", name="More").click()
        tab.get_by_role("button", name="Delete agent").click()
        toast = tab.get_by_role("alert").filter(has_text="will be deleted in 10 seconds")
        if undone:
            toast.get_by_role("button", name="Undo").click()
        expect(toast).to_have_count(0 if undone else 1)
        tab.clock.fast_forward(11_000)
        if undone:
            assert place.api.get(f"/agents/{place.agent['id']}").status == 200
    expect(tab.get_by_text("This agent was deleted.")).to_be_visible()

    tab.goto(f"{place.workspace_url}settings/")
    expect_state(tab, "Live")
    tab.get_by_role("textbox", name="Name", exact=True).fill("Renamed workspace")
    tab.get_by_role("button", name="Rename").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Renamed workspace")
    confirm = tab.get_by_role("textbox", name="Name of the workspace")
    confirm.fill("something else")
    tab.get_by_role("button", name="Delete workspace").click()
    expect(tab.get_by_text("That isn't the workspace's name.")).to_be_visible()
    confirm.fill("Renamed workspace")
    tab.get_by_role("button", name="Delete workspace").click()
    expect(tab.get_by_role("heading", name="No workspaces yet")).to_be_visible()
    complaints.clear()


def test_a_user_changes_profile_and_password_and_ends_other_sessions(
    tab: Page, live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    name = f"una-{place.agent['id'][:8]}"
    live.token(name)
    live.run("shell", "-v", "0", "-c", PASSWORD.replace("NAME", name))

    def by_password(page: Page, password: str) -> None:
        page.goto(f"{live.url}/sign-in/")
        page.get_by_label("User name").or_(page.get_by_label("Username")).fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")

    phone, desk = fresh_browser().new_page(), fresh_browser().new_page()
    for page in (tab, phone, desk):
        by_password(page, "first-Passw0rd")
    tab.goto(f"{live.url}/account/")
    rows = tab.get_by_role("list", name="Where you are signed in").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("this one")
    expect(rows.first).to_contain_text("Chrome on Linux")
    rows.nth(1).get_by_role("button", name="Sign out").click()
    expect(rows).to_have_count(2)
    tab.get_by_label("First name").fill("Una")
    tab.get_by_role("button", name="Save profile").click()
    expect(tab.get_by_label("First name")).to_have_value("Una")

    tab.get_by_label("Old password").fill("wrong")
    for field in ("New password", "New password confirmation"):
        tab.get_by_label(f"{field}:", exact=True).fill("second-Passw0rd")
    tab.get_by_role("button", name="Change password").click()
    expect(tab.locator(".field-error")).to_have_count(1)
    tab.get_by_label("Old password").fill("first-Passw0rd")
    for field in ("New password", "New password confirmation"):
        tab.get_by_label(f"{field}:", exact=True).fill("second-Passw0rd")
    tab.get_by_role("button", name="Change password").click()
    expect(rows).to_have_count(1)
    for page in (phone, desk):
        page.goto(f"{live.url}/account/")
        expect(page).to_have_url(re.compile("/sign-in/"))
    by_password(desk, "second-Passw0rd")
