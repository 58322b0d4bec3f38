"""Tools' questions become requests: with the exact action, answered once, and never by plain text."""

import json
from typing import Any

import pytest
from agentstream.adapters import Adapter, Chunk
from agentstream.adapters.bounds import MAX_BYTES
from agentstream.adapters.diffs import changes
from agentstream.adapters.open_requests import MAX_OPEN
from agentstream.adapters.registry import select_adapter
from agentstream.messages import Message, encode
from agentstream.requests import Ask, Request, Resolution

from .messages import asked, made, said, settled, statuses, told

BASH = {"tool_name": "Bash", "display_name": "Bash", "input": {"command": "make deploy"}, "tool_use_id": "t1"}
RULE = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "make deploy"}], "behavior": "allow"}
EDITS = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
COLOUR = {"question": "Which colour?", "header": "Colour", "options": [{"label": "Red"}, {"label": "Blue"}]}
COATS = {"question": "Which coats?", "multiSelect": True, "options": [{"label": "First", "description": "thin"}]}
ALLOW, DENY = Resolution("answered", "allow"), Resolution("answered", "deny")


def feed(adapter: Adapter, *events: dict[str, Any]) -> list[Message]:
    return [*adapter.feed(Chunk("stdout", "".join(encode(event) + "\n" for event in events), 0.0))]


def wish(id_: str = "r1", **fields: Any) -> dict[str, Any]:
    request = {"subtype": "can_use_tool", **BASH, **fields}
    return {"type": "control_request", "request_id": id_, "request": request}


def result(call: str) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call, "content": "x"}
    return {"type": "user", "message": {"content": [block]}}


def one(adapter: Adapter, **fields: Any) -> Request:
    [request] = asked(feed(adapter, wish(**fields)))
    return request


def decided(adapter: Adapter, request: Request, resolution: Resolution) -> Any:
    """The line for Claude, decoded."""
    line = adapter.requests.resolve(request.id, resolution).answer
    assert line.endswith("\n")
    response = json.loads(line)
    assert (response["type"], response["response"]["subtype"]) == ("control_response", "success")
    assert response["response"]["request_id"] == "r1"
    return response["response"]["response"]


# Permissions


def test_a_permission_shows_the_exact_action() -> None:
    adapter = made("claude")
    request = one(adapter, description="Deploy it", blocked_path="/srv", permission_suggestions=[RULE, EDITS])
    assert (request.kind, request.title) == ("permission", "Allow Bash?")
    assert request.tool == {"name": "Bash", "toolCallId": "t1", "input": {"command": "make deploy"}}
    assert request.body == "Deploy it\n\nIt affects /srv."
    assert [(option.id, option.label, option.effect) for option in request.options] == [
        ("allow", "Allow", "allow"),
        ("always-1", "Always allow Bash(make deploy)", "allow_always"),
        ("always-2", "Accept all file edits in this session", "allow_always"),
        ("deny", "Deny", "deny"),
    ]


@pytest.mark.parametrize(
    ("resolution", "decision"),
    [
        (ALLOW, {"behavior": "allow", "updatedInput": {"command": "make deploy"}}),
        (DENY, {"behavior": "deny", "message": "A person denied this."}),
        (Resolution("answered", "deny", text="use make"), {"behavior": "deny", "message": "use make"}),
        (
            Resolution("answered", "always-2"),
            {"behavior": "allow", "updatedInput": {"command": "make deploy"}, "updatedPermissions": [EDITS]},
        ),
    ],
    ids=["allow", "deny", "deny with words", "allow always"],
)
def test_an_answer_is_passed_on_unchanged(resolution: Resolution, decision: dict[str, Any]) -> None:
    adapter = made("claude")
    request = one(adapter, permission_suggestions=[RULE, EDITS])
    assert decided(adapter, request, resolution) == decision
    assert adapter.requests.resolve(request.id, resolution).answer == "", "once"


def test_a_rule_for_later_sessions_applies_in_this_one_too() -> None:
    adapter = made("claude")
    rule = RULE | {"destination": "localSettings"}
    request = one(adapter, permission_suggestions=[rule])
    assert request.options[1].label == "Always allow Bash(make deploy) in this project"
    decision = decided(adapter, request, Resolution("answered", "always-1"))
    assert decision["updatedPermissions"] == [rule, rule | {"destination": "session"}]


@pytest.mark.parametrize(
    "suggestion",
    [
        RULE | {"behavior": "deny"},
        RULE | {"rules": [{"toolName": "Bash", "ruleContent": "x" * 500}]},
        "everything",
    ],
    ids=["forbids", "too long for a button", "strange"],
)
def test_unsuitable_suggestions_are_not_offered(suggestion: Any) -> None:
    request = one(made("claude"), permission_suggestions=[suggestion])
    assert [option.id for option in request.options] == ["allow", "deny"]


def test_an_answer_goes_to_its_own_request_and_not_to_the_oldest() -> None:
    adapter = made("claude")
    first, second = asked(feed(adapter, wish(), wish("r2", tool_use_id="t2")))
    assert '"request_id":"r2"' in adapter.requests.resolve(second.id, ALLOW).answer
    assert [*adapter.requests] == [first.id]


def test_an_edit_is_shown_as_a_diff() -> None:
    [change] = changes("Edit", {"file_path": "a.py", "old_string": "one\ntwo\n", "new_string": "one\n2\n"})
    assert change == {"path": "a.py", "patch": "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"}
    edits = [{"old_string": "a", "new_string": "b"}, {"old_string": "c", "new_string": ""}]
    [change] = changes("MultiEdit", {"file_path": "a.py", "edits": edits})
    assert change["patch"] == "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-a\n+b\n@@ -1 +0,0 @@\n-c\n"
    [change] = changes("write", {"filePath": "a.py", "content": "one\ntwo"})
    assert change["patch"] == "--- a.py\n+++ a.py\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    assert changes("Edit", {"file_path": "a\n+b", "old_string": "", "new_string": "x"}) == []
    assert changes("Bash", {"command": "rm -r x"}) == []
    long = changes("Write", {"file_path": "a", "content": "same\n" * 100_000})
    assert long[0]["patch"].count("\n+same") == 100_000


# Questions and plans


def test_questions_are_asked_unchanged() -> None:
    adapter = made("claude")
    request = one(adapter, tool_name="AskUserQuestion", input={"questions": [COLOUR, COATS]})
    assert (request.kind, request.title, request.tool) == ("question", "2 questions", None)
    assert request.questions == [
        {
            "id": "q1",
            "question": "Which colour?",
            "header": "Colour",
            "options": [{"id": "o1", "label": "Red"}, {"id": "o2", "label": "Blue"}],
            "multiple": False,
            "free": True,
        },
        {
            "id": "q2",
            "question": "Which coats?",
            "options": [{"id": "o1", "label": "First", "description": "thin"}],
            "multiple": True,
            "free": True,
        },
    ]
    answers = {"q1": ["o2"], "q2": ["o1", "and a third"]}
    assert decided(adapter, request, Resolution("answered", answers=answers)) == {
        "behavior": "allow",
        "updatedInput": {
            "questions": [COLOUR, COATS],
            "answers": {"Which colour?": "Blue", "Which coats?": "First, and a third"},
        },
    }


def test_questions_may_be_left_unanswered() -> None:
    adapter = made("claude")
    request = one(adapter, tool_name="AskUserQuestion", input={"questions": [COLOUR]})
    assert request.title == "Which colour?"
    decision = decided(adapter, request, Resolution("answered", "deny", text="Ask Ada"))
    assert decision == {"behavior": "deny", "message": "Ask Ada"}


@pytest.mark.parametrize(
    "questions",
    [
        [],
        [5],
        [COLOUR] * 11,
        [COLOUR, COLOUR],
        [{"question": "x", "options": [{"label": "a"}] * 21}],
        [{"question": ""}],
    ],
    ids=["none", "no object", "too many", "twice", "too many options", "empty"],
)
def test_questions_that_cannot_be_shown_become_a_permission(questions: list[Any]) -> None:
    request = one(made("claude"), tool_name="AskUserQuestion", input={"questions": questions})
    assert (request.kind, request.tool and request.tool["input"]) == ("permission", {"questions": questions})


def test_a_plan_is_approved_or_continued() -> None:
    adapter = made("claude")
    request = one(adapter, tool_name="ExitPlanMode", input={"plan": "# Plan", "planFilePath": "/p.md"})
    assert (request.kind, request.body) == ("plan", "# Plan")
    assert request.tool == {"name": "ExitPlanMode", "toolCallId": "t1", "input": {"planFilePath": "/p.md"}}
    assert [option.label for option in request.options] == ["Approve", "Keep planning"]
    whole = {"plan": "# Plan", "planFilePath": "/p.md"}
    assert decided(adapter, request, ALLOW) == {"behavior": "allow", "updatedInput": whole}


# Their end


def test_a_tool_that_runs_without_our_answer_was_answered_elsewhere() -> None:
    adapter = made("claude")
    messages = feed(adapter, wish(), wish("r2", tool_use_id="t2"), result("t1"))
    first, second = asked(messages)
    assert settled(messages) == [(first.id, "answered_elsewhere")]
    assert statuses(messages) == ["waiting awaiting_approval"]
    messages = feed(adapter, {"type": "control_cancel_request", "request_id": "r2"})
    assert settled(messages) == [(second.id, "withdrawn")]
    assert statuses(messages) == ["running"]
    assert adapter.requests.resolve(second.id, ALLOW).answer == "", "too late"


def test_the_end_of_the_tool_withdraws_its_requests() -> None:
    adapter = made("claude")
    request = one(adapter)
    assert settled([*adapter.close()]) == [(request.id, "withdrawn")]


def test_the_end_of_a_turn_leaves_a_sub_agents_requests_open() -> None:
    adapter = made("claude")
    messages = feed(adapter, wish(), {"type": "result", "subtype": "success", "is_error": False, "result": "Done."})
    assert (settled(messages), statuses(messages)) == ([], ["waiting awaiting_approval"])


@pytest.mark.parametrize("outcome", ["withdrawn", "expired"])
def test_a_request_ended_by_the_server_while_the_tool_waits_is_asked_anew(outcome: Any) -> None:
    adapter = made("claude")
    request = one(adapter)
    reaction = adapter.requests.resolve(request.id, Resolution(outcome))
    [again] = asked([*reaction.messages])
    assert (reaction.answer, again.title) == ("", request.title)
    assert again.id != request.id
    assert adapter.requests.resolve(request.id, ALLOW).answer == ""
    assert adapter.requests.resolve(again.id, ALLOW).answer


def test_a_request_unknown_to_the_server_is_asked_again_with_the_same_id() -> None:
    adapter = made("claude")
    request = one(adapter)
    assert asked([*adapter.requests.repeat(request.id)]) == [request]
    assert [*adapter.requests.repeat("unknown")] == []


def test_requests_beyond_the_servers_limit_wait_for_their_turn() -> None:
    adapter = made("claude")
    many = [wish(f"r{number}", tool_use_id=f"t{number}") for number in range(MAX_OPEN + 2)]
    requests = asked(feed(adapter, *many))
    assert len(requests) == MAX_OPEN
    assert len(asked([*adapter.requests.resolve(requests[0].id, ALLOW).messages])) == 1
    assert len(asked(feed(adapter, result("t1")))) == 1


def test_without_input_no_requests_are_asked() -> None:
    adapter = select_adapter("claude", ["claude", "--output-format", "stream-json"], "run")
    messages = feed(adapter, wish())
    assert asked(messages) == []
    assert "nobody can grant" in said(messages)[0][1]
    assert statuses(messages) == ["waiting awaiting_approval"]


def test_ids_belong_to_this_run() -> None:
    assert [request.id for request in asked(told("claude-two-approvals"))] == ["run-r1", "run-r2"]


# Whatever the input holds


@pytest.mark.parametrize(
    "input_",
    [
        {"command": "x" * 1_000_000},
        {"file_path": "a", "old_string": "x\n" * 50_000, "new_string": "y\n" * 50_000},
        {"list": ["\x01" * 1_000] * 5_000},
        {"command": "\0" * 100_000},
        {"number": 10**400, "large": 2**60},
        {"key\0": {"a": [[[[{}]]]]}},
        {"deep": json.loads("[" * 200 + "]" * 200)},
        {"wide": [[]] * 40_000},
        "no object",
        None,
    ],
    ids=["long", "long edit", "controls", "NUL", "numbers", "key", "deep", "wide", "text", "none"],
)
def test_the_server_accepts_any_input(input_: Any) -> None:
    request = one(made("claude"), tool_name="Edit", input=input_, description="d\0" * 100_000)
    text = encode(Ask(request).payload())
    assert len(text.encode()) <= MAX_BYTES
    assert "\\u0000" not in text
    assert text.count("[") + text.count("{") < 20_000
    assert request.tool is not None
    if len(encode(input_)) > MAX_BYTES:
        assert "to show in full" in (request.body or "") or "to show" in encode(request.tool["input"])


def test_a_cut_input_says_how_much_is_missing() -> None:
    request = one(made("claude"), input={"command": "x" * 300_000})
    assert request.tool is not None
    assert request.tool["input"]["command"] == "x" * 16_384 + "… (283616 more characters)"
    assert request.body == ("The input is too long to show in full: 283616 characters are omitted where marked.")


def test_a_long_command_does_not_change_what_is_permitted() -> None:
    adapter = made("claude")
    command = {"command": "x" * 300_000 + "\0"}
    request = one(adapter, input=command)
    assert decided(adapter, request, ALLOW)["updatedInput"] == command


def test_a_number_too_large_for_a_browser_is_shown_as_text() -> None:
    request = one(made("claude"), input={"amount": 2**60})
    assert request.tool and request.tool["input"] == {"amount": str(2**60)}
