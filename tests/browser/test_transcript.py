"""An agent's page: all output once and in order, and no output does any harm."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import allowed, scroll, transcript
from tests.browser.conftest import Place

pytestmark = pytest.mark.browser

OUTPUT = "agent:output"


def lines(first: int, last: int) -> list[tuple[str, dict[str, Any]]]:
    return [(OUTPUT, {"content": f"line {number}\n"}) for number in range(first, last + 1)]


def expected(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


def test_chunks_of_one_message_are_one_entry(reader: Page, place: Place) -> None:
    chunk = {"messageId": "m1", "role": "assistant", "isStreaming": True}
    place.publish("a", (OUTPUT, {**chunk, "content": "Once upon "}), (OUTPUT, {**chunk, "content": "a "}))
    expect(reader.locator(".entry-text")).to_have_text("Once upon a ")
    place.publish("b", (OUTPUT, {**chunk, "content": "time"}), (OUTPUT, {"messageId": "m2", "content": "The end"}))
    expect(reader.locator(".entry-text")).to_have_text(["Once upon a time", "The end"])


def test_a_tool_call_shows_its_diff_and_its_result_how_it_went(reader: Page, place: Place) -> None:
    call = {"kind": "tool_call", "toolName": "Edit", "toolCallId": "c", "content": "Edit <b>a.py</b>"}
    patch = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+<img src=x onerror=alert(1)>\n"
    result = {"kind": "tool_result", "toolCallId": "c", "content": "no such file", "isError": True, "durationMs": 1234}
    place.publish("a", (OUTPUT, {**call, "changes": [{"path": "a.py", "patch": patch}]}), (OUTPUT, result))
    expect(reader.locator("details.fold")).to_have_count(2)
    called, answered = reader.locator("details.fold").all()
    expect(called.locator(".diff")).to_have_count(0)
    called.locator("summary").first.click()
    expect(called.locator("[data-change=removed]").last).to_have_text("-old")
    expect(called.locator(".diff [data-change=added]")).to_have_text("+<img src=x onerror=alert(1)>")
    expect(answered.locator(".fold-brief")).to_have_text("no such file · failed · 1.2 s")


def test_sessions_plans_and_usage_are_described(reader: Page, place: Place) -> None:
    def steps(*states: str) -> dict[str, Any]:
        return {"entries": [{"content": f"step {n}", "status": state} for n, state in enumerate(states, 1)]}

    place.publish(
        "a",
        ("agent:session", {"session": "s", "change": "started", "title": "Fix the tests"}),
        ("agent:plan", steps("in_progress", "pending")),
        ("agent:plan", steps("completed", "in_progress")),
        ("agent:usage", {"session": "s", "inputTokens": 12_000, "outputTokens": 900, "costUsd": 0.42}),
    )
    expect(reader.locator('.entry[data-type="plan"]')).to_have_count(1)
    expect(reader.locator('.entry[data-type="plan"]')).to_contain_text("Plan")
    expect(reader.locator('.entry[data-type="plan"] .entry-text')).to_have_text("✓ step 1\n▸ step 2")
    expect(reader.locator('.entry[data-type="note"] .entry-body')).to_have_text(
        [
            "Session started · Fix the tests",
            "Session so far · 12,000 tokens in · 900 tokens out · $0.42",
        ]
    )


def test_events_appear_between_the_messages(reader: Page, place: Place) -> None:
    expect(reader.get_by_role("heading", name="No output yet")).to_be_visible()
    error = {"error": {"code": "BROKEN", "message": "It broke"}}
    place.publish(
        "a",
        ("agent:status", {"status": "running"}),
        ("agent:context", {"contextLevel": 40}),
        ("agent:context", {"contextLevel": 42, "tokensUsed": 84_000, "tokensLimit": 200_000}),
        ("agent:error", error),
        ("agent:terminated", {"exitCode": 3, "reason": "error"}),
        ("agent:status", {"status": "error", "reason": "process_error"}),
    )
    notes = reader.locator('.entry[data-type="note"] .entry-body')
    process = "Process ended with exit code 3 · failed"
    expect(notes).to_have_text(["Running", "Context 42 %, 84,000 of 200,000 tokens", process, "Error · process failed"])
    expect(reader.locator('.entry[data-type="error"]')).to_contain_text("It broke")
    head = reader.locator(".agent-head")
    expect(head).to_contain_text("Error")
    expect(head).to_contain_text("84,000 of 200,000 tokens")


def test_hostile_output_is_always_shown_as_text(reader: Page, place: Place) -> None:
    hostile = [
        "<img src=x onerror=\"document.title='pwned'\">",
        "<script>document.title='pwned'</script>",
        "<style>body{display:none}</style>",
        '<a href="javascript:document.title=1">click</a>',
        "\u202egnp.exe\u202c \x1b[31mred\x1b[0m \x00 \ufeff",
        "]]></pre></div><h1>",
    ]
    for text in hostile:
        place.say(text)
    place.status("waiting", "<img src=x onerror=alert(1)>")
    expect(reader.locator(".entry-text")).to_have_count(len(hostile))
    assert transcript(reader) == "".join(hostile)
    expect(reader.locator(".entry-text").nth(4)).to_contain_text("⟨U+202E⟩gnp.exe⟨U+202C⟩ red")
    assert reader.locator("[data-entries] :is(img, script, style, a:not(.entry-time), h1)").count() == 0
    assert reader.locator(".agent-head img").count() == 0
    assert "pwned" not in reader.title()


def test_the_end_is_followed_until_the_reader_scrolls_up(reader: Page, place: Place) -> None:
    place.publish("a", *lines(1, 200))
    expect(reader.locator(".entry").last).to_be_in_viewport()
    button = reader.locator("[data-new]")
    expect(button).to_be_hidden()
    scroll(reader).evaluate("one => one.scrollTop = 200")
    expect(button).to_be_visible()
    expect(button).to_have_text("↓ Jump to the end")
    top = scroll(reader).evaluate("one => one.scrollTop")
    place.publish("b", *lines(201, 212))
    expect(button).to_have_text("↓ 12 new")
    assert scroll(reader).evaluate("one => one.scrollTop") == top
    button.click()
    expect(reader.locator(".entry").last).to_be_in_viewport()
    expect(button).to_be_hidden()
    place.publish("c", *lines(213, 260))
    expect(reader.get_by_text("line 260")).to_be_in_viewport()


def test_the_reader_who_has_just_scrolled_up_is_not_taken_back(reader: Page, place: Place) -> None:
    place.publish("a", *lines(1, 200))
    expect(reader.get_by_text("line 200")).to_be_in_viewport()
    # Before the browser has reported the scrolling, something else changes what is shown.
    script = """async (scroller) => {
      const { transcript } = await import("/static/js/agent.js");
      scroller.scrollTop = 200;
      transcript.redraw();
      return scroller.scrollTop;
    }"""
    assert abs(scroll(reader).evaluate(script) - 200) < 2
    expect(reader.locator("[data-new]")).to_be_visible()


def test_what_is_drawn_where_the_reader_has_jumped_to_moves_nothing(reader: Page, place: Place) -> None:
    place.publish("a", *[(OUTPUT, {"content": f"**{number}**", "messageId": str(number)}) for number in range(200)])
    expect(reader.get_by_text("199", exact=True)).to_be_in_viewport()
    scroll(reader).evaluate("one => one.scrollTop = 200")
    expect(reader.locator(".entry").get_by_text("5", exact=True)).to_be_in_viewport()
    assert scroll(reader).evaluate("one => one.scrollTop") == 200


def test_earlier_output_is_fetched_as_the_reader_comes_near_it(reader: Page, place: Place) -> None:
    place.publish("a", *lines(1, 2_600))
    reader.reload()
    expect(reader.get_by_text("line 2600")).to_be_in_viewport()
    assert transcript(reader) == expected(2_101, 2_600)
    for _ in range(3):
        scroll(reader).evaluate("one => one.scrollTop = 0")
        reader.wait_for_timeout(500)
    expect(reader.get_by_text("Start of the transcript")).to_be_attached()
    expect(reader.get_by_role("button", name="Load earlier")).to_be_hidden()
    assert transcript(reader) == expected(1, 2_600)


def test_the_start_of_a_long_message_is_joined_to_its_rest(reader: Page, place: Place) -> None:
    words = [(OUTPUT, {"content": f"{number} ", "messageId": "long"}) for number in range(700)]
    place.publish("a", *words)
    reader.reload()
    expect(reader.locator(".entry-text")).to_have_count(1)
    assert transcript(reader).startswith("200 ")
    scroll(reader).evaluate("one => one.scrollTop = 0")
    reader.get_by_role("button", name="Load earlier").click()
    expect(reader.get_by_text("Start of the transcript")).to_be_attached()
    expect(reader.locator(".entry-text")).to_have_count(1)
    assert transcript(reader) == "".join(f"{number} " for number in range(700))


def test_a_hundred_thousand_lines_scroll_with_little_on_the_page(reader: Page, place: Place) -> None:
    for start in range(0, 100_000, 5_000):
        place.publish(f"p{start}", *lines(start + 1, start + 5_000))
    expect(reader.get_by_text("line 100000")).to_be_in_viewport(timeout=30_000)
    # The page followed the end and let the oldest go; reading from the first event on brings all of it.
    reader.goto(f"{place.agent_url}#1")
    reader.reload()
    expect(reader.locator("[data-target]")).to_be_in_viewport(timeout=30_000)
    reader.evaluate(UNTIL_SEQ, 100_000)
    assert transcript(reader) == expected(1, 100_000)
    for share in (0.2, 0.5, 0.8):
        scroll(reader).evaluate("(one, share) => (one.scrollTop = one.scrollHeight * share)", share)
        # Drawn soon after, and what is drawn covers what is seen.
        reader.wait_for_function(
            "() => document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('.entry') !== null",
            timeout=3_000,
        )
        assert reader.locator(".entry").count() < 1_000
    frames = scroll(reader).evaluate(SCROLL)
    assert sorted(frames)[len(frames) // 2] < allowed(34), frames


UNTIL_SEQ = """async (seq) => {
  const { transcript } = await import("/static/js/agent.js");
  while (!(transcript.last?.seq >= seq)) await new Promise((resolve) => setTimeout(resolve, 50));
}"""
SCROLL = """one => new Promise((resolve) => {
  const frames = [];
  let last = performance.now();
  const step = (now) => {
    frames.push(now - last);
    last = now;
    one.scrollTop -= 300;
    if (frames.length < 60) requestAnimationFrame(step);
    else resolve(frames);
  };
  requestAnimationFrame(step);
})"""


def test_the_page_says_that_its_agent_was_deleted(reader: Page, place: Place) -> None:
    assert place.api.call("DELETE", f"/agents/{place.agent['id']}").status == 204
    expect(reader.get_by_role("alert")).to_have_text("This agent was deleted.")
