"""The page on which a person approves or denies a program."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import sign_in
from tests.browser.test_quality import violations
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


class Program:
    """A program that wants to be signed in."""

    def __init__(self, live: LiveServer, client: str) -> None:
        self._api = Api(live.url)
        self.codes = self._api.post("/device", {"client": client, "scopes": ["publish"]}).data

    def poll(self) -> int:
        return self._api.post("/device/token", {"deviceCode": self.codes["deviceCode"]}).status


def test_a_person_types_the_code_and_approves(tab: Page, live: LiveServer, root: Api) -> None:
    program = Program(live, "host laptop")
    sign_in(tab, live)
    tab.goto(program.codes["verificationUrl"])
    field = tab.get_by_label("Code")
    field.fill("BBBB-BBBB")
    field.press("Enter")
    expect(tab.get_by_role("alert")).to_have_text("The code is unknown, has been used or has expired.")
    expect(field).to_have_value("BBBB-BBBB")
    assert violations(tab) == []
    field.fill(program.codes["userCode"].lower())
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("main")).to_contain_text("host laptop")
    expect(tab.get_by_role("listitem")).to_have_text("add agents, publish for them, and ask people")
    tab.get_by_role("button", name="Approve as root").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Approved")
    assert program.poll() == 200


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_person_opens_the_complete_address_and_denies(tab: Page, live: LiveServer, root: Api, theme: str) -> None:
    program = Program(live, "<b>x" * 25)
    sign_in(tab, live)
    tab.goto(program.codes["verificationUrl"])
    tab.evaluate(f"localStorage.setItem('agentstream.theme', '{theme}')")
    tab.set_viewport_size({"width": 320, "height": 640})
    tab.goto(program.codes["verificationUrlComplete"])
    expect(tab.locator("html")).to_have_attribute("data-theme", theme)
    expect(tab.get_by_role("main")).to_contain_text("<b>x" * 25)
    expect(tab.get_by_role("main")).to_contain_text(program.codes["userCode"])
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(tab) == []
    assert program.poll() == 202
    tab.get_by_role("button", name="Deny").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Denied")
    assert program.poll() == 403
