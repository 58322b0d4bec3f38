"""A person answers a waiting process from its page and sees it continue."""

import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.asking import settled
from tests.browser.conftest import Place
from tests.clients_python.command import running
from tests.clients_python.place import Place as Runners

pytestmark = pytest.mark.browser

# What Claude Code prints and reads when it was started with --input-format stream-json and asks for permission.
CLAUDE = """
import json, sys

def say(**event):
    print(json.dumps(event), flush=True)

def told():
    return json.loads(sys.stdin.readline())

def speak(text):
    say(type="assistant", message={"role": "assistant", "content": [{"type": "text", "text": text}]})

say(type="system", subtype="init", model="claude-sonnet-4-5")
wish = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "make deploy"}, "tool_use_id": "t1"}
say(type="control_request", request_id="r1", request=wish)
answer = told()["response"]["response"]
speak("I may deploy: " + answer["behavior"])
say(type="result", subtype="success", is_error=False, result="")
speak("You also said: " + told()["message"]["content"])
say(type="result", subtype="success", is_error=False, result="")
"""


@pytest.fixture
def runners(place: Place) -> Runners:
    workspace, agent = place.workspace, place.agent
    return Runners(place.api.url, str(place.api.token), workspace["id"], workspace["slug"], agent["id"])


def test_a_person_answers_a_waiting_process_and_sees_it_continue(
    reader: Page, runners: Runners, tmp_path: Path
) -> None:
    script = tmp_path / "claude"
    script.write_text(CLAUDE)
    command = (sys.executable, str(script), "--input-format", "stream-json", "--output-format", "stream-json")
    head, box = reader.locator(".agent-head"), reader.get_by_role("textbox", name="Answer this agent")
    with running(runners, *command, name="worker", options=("--adapter", "claude")) as process:
        expect(head).to_contain_text(re.compile("Waiting *for approval"), timeout=20_000)
        card = reader.get_by_role("article", name="Permission: Allow Bash?")
        expect(card).to_contain_text("make deploy")
        settled(card).get_by_role("button", name="Allow").click()
        expect(reader.get_by_text("I may deploy: allow")).to_be_visible(timeout=10_000)
        expect(head).to_contain_text("Idle")

        box.fill("Thank you")
        box.press("Enter")
        expect(reader.get_by_text("You also said: Thank you")).to_be_visible(timeout=10_000)
        expect(head).to_contain_text("Finished")
        assert process.wait(20) == 0
    expect(reader.locator('.entry[data-type="input"]')).to_have_count(1)
    expect(reader.locator('.entry[data-type="input"]').first).to_contain_text("root wrote")


def test_a_command_that_asks_on_its_terminal_is_answered(reader: Page, runners: Runners) -> None:
    ask = "name = input('Your name? '); print('Hello', name)"
    box = reader.get_by_role("textbox", name="Answer this agent")
    with running(runners, sys.executable, "-c", ask, name="worker") as process:
        expect(reader.get_by_text("Your name?")).to_be_visible(timeout=20_000)
        box.fill("Ada")
        box.press("Enter")
        expect(reader.get_by_text("Hello Ada")).to_be_visible(timeout=10_000)
        assert process.wait(20) == 0


def test_an_interrupt_from_the_page_reaches_the_process(reader: Page, runners: Runners) -> None:
    wait = "import signal, sys\nsignal.signal(signal.SIGINT, lambda *_: sys.exit('interrupted'))\nprint('at work')\n"
    with running(runners, sys.executable, "-c", f"{wait}signal.pause()", name="worker") as process:
        expect(reader.get_by_text("at work")).to_be_visible(timeout=20_000)
        reader.get_by_role("button", name="Interrupt").click()
        reader.get_by_role("dialog").get_by_role("button", name="Interrupt").click()
        assert process.wait(20) == 1
    expect(reader.get_by_text("interrupted", exact=True)).to_be_visible()
