"""The Agent Client Protocol: what agents' recorded words become, what is written to them, and odd agents."""

import json
from typing import Any

import acp.schema
import pytest
from agentstream.adapters import Adapter, Chunk
from agentstream.messages import Context, Message, Output, Plan, Session, Usage, encode
from agentstream.requests import Resolution

from .messages import TRANSCRIPTS, asked, failures, said, settled, statuses
from .recording.acp import NOTE, AcpScene, acp_adapter, decide, scenes
from .recording.tools import WORK

SCENES = {scene.name: scene for scene in scenes()}
APPROVAL = "waiting awaiting_approval"
ON = ["running", APPROVAL, "running"]

# The models of the protocol's own package for what a client may send.
SENT: dict[str, Any] = {
    "initialize": acp.schema.InitializeRequest,
    "session/new": acp.schema.NewSessionRequest,
    "session/prompt": acp.schema.PromptRequest,
    "session/cancel": acp.schema.CancelNotification,
}


class Talk:
    """The adapter, the lines it has written and the messages it has published."""

    def __init__(self, *prompts: str) -> None:
        self.adapter: Adapter = acp_adapter()
        self.written: list[dict[str, Any]] = []
        self.messages: list[Message] = []
        for prompt in prompts:
            assert self.adapter.reply(prompt) == ""
        self._step()

    def hear(self, *lines: dict[str, Any] | str) -> "Talk":
        for line in lines:
            text = line if isinstance(line, str) else encode({"jsonrpc": "2.0", **line})
            self.messages += self.adapter.feed(Chunk("stdout", text.rstrip("\n") + "\n", 0.0))
            self._step()
        return self

    def choose(self, effect: str) -> None:
        reaction = decide(self.adapter, asked(self.messages)[-1], effect)
        self.write(reaction.answer)
        self.messages += reaction.messages

    def interrupt(self) -> None:
        assert self.adapter.driver
        step = self.adapter.driver.interrupt()
        self.write(step.stdin)
        self.messages += step.messages

    def end(self) -> list[Message]:
        self.messages += self.adapter.close()
        return self.messages

    def write(self, lines: str) -> None:
        self.written += [valid(json.loads(line)) for line in lines.splitlines()]

    def _step(self) -> None:
        assert self.adapter.driver
        step = self.adapter.driver.step()
        self.write(step.stdin)
        self.messages += step.messages


def valid(line: dict[str, Any]) -> dict[str, Any]:
    """The line, if it is what the protocol permits a client to send."""
    assert line["jsonrpc"] == "2.0"
    if "method" in line:
        SENT[line["method"]].model_validate(line["params"])
    elif "result" in line:
        acp.schema.RequestPermissionResponse.model_validate(line["result"])
    else:
        acp.schema.Error.model_validate(line["error"])
    return line


def replayed(scene: AcpScene) -> Talk:
    """The recorded conversation again, in which the person decides as before."""
    talk, effects = Talk(*scene.prompts), list(scene.effects)
    for line in (TRANSCRIPTS / "acp" / f"{scene.name}.jsonl").read_text().split("\n")[:-1]:
        before = len(asked(talk.messages))
        talk.hear(line)
        if len(asked(talk.messages)) > before:
            effect = effects.pop(0)
            talk.interrupt() if effect == "interrupt" else talk.choose(effect)
    talk.end()
    return talk


@pytest.fixture(scope="module")
def talks() -> dict[str, Talk]:
    return {name: replayed(scene) for name, scene in SCENES.items()}


@pytest.mark.parametrize("agent", ["opencode", "claude", "copilot", "gemini"])
def test_a_turn_is_shown_with_words_calls_diffs_plan_level_and_cost(talks: dict[str, Talk], agent: str) -> None:
    talk = talks[f"acp-{agent}-tools"]
    [session] = [message for message in talk.messages if isinstance(message, Session)]
    assert (session.change, session.cwd) == ("started", str(WORK))
    seen = said(talk.messages)
    assert ("assistant", "I greet you.") in seen
    assert [text for who, text in seen if who == "assistant"][-2:] == ["Done.", "Done."]
    thinking = "".join(text for who, text in seen if who == "assistant thinking")
    assert "Think" in thinking and "first." in thinking
    calls = [one for one in talk.messages if isinstance(one, Output) and one.kind == "tool_call"]
    assert [one.tool_kind for one in calls[:2]] == ["execute", "edit"]
    assert "echo hello; touch made.txt" in calls[0].content
    assert [(one.path, one.patch.splitlines()[-1]) for one in calls[1].changes or ()] == [(NOTE, "+hello")]
    results = {one.tool_call_id for one in talk.messages if isinstance(one, Output) and one.kind == "tool_result"}
    assert {one.tool_call_id for one in calls} == results
    first, *_ = asked(talk.messages)
    assert [option.effect for option in first.options] == ["allow", "allow_always", "deny"]
    assert "echo hello; touch made.txt" in encode(first.payload())
    assert statuses(talk.messages)[:4] == ["idle", *ON]
    assert statuses(talk.messages)[-2:] == ["running", "idle"]
    assert failures(talk.messages) == settled_apart(talk) == []


def settled_apart(talk: Talk) -> list[tuple[str, str]]:
    """Requests that nobody answered."""
    return [one for one in settled(talk.messages) if one[1] != "answered_elsewhere"]


@pytest.mark.parametrize("agent", ["opencode", "claude"])
def test_plan_level_and_cost_are_those_the_agent_reports(talks: dict[str, Talk], agent: str) -> None:
    messages = talks[f"acp-{agent}-tools"].messages
    assert [one.tokens_limit for one in messages if isinstance(one, Context)][-1:] == [1_000_000]
    costs = [one.cost_usd or 0 for one in messages if isinstance(one, Usage)]
    assert costs == sorted(costs) and costs[-1] > 0
    if agent == "claude":  # opencode reports its list as a call alone
        [plan] = [one for one in messages if isinstance(one, Plan)]
        assert [(step.content, step.status) for step in plan.entries] == [("Greet", "completed"), ("Leave", "pending")]


@pytest.mark.parametrize("agent", ["opencode", "claude", "copilot", "gemini"])
def test_a_denial_and_an_interruption_reach_the_agent_as_the_protocol_has_them(
    talks: dict[str, Talk], agent: str
) -> None:
    denied = talks[f"acp-{agent}-denied"]
    [answer] = [line for line in denied.written if "result" in line]
    assert answer["result"]["outcome"]["optionId"] in ("reject", "cancel", "reject_once")
    interrupted = talks[f"acp-{agent}-interrupted"]
    cancel, answer = [line for line in interrupted.written if line.get("method") != "session/prompt"][2:]
    assert (cancel["method"], answer["result"]) == ("session/cancel", {"outcome": {"outcome": "cancelled"}})
    assert [outcome for _, outcome in settled(interrupted.messages)] == ["withdrawn"]
    assert statuses(interrupted.messages)[-1] == "idle"


# Odd agents

READY: tuple[dict[str, Any], ...] = (
    {"id": 1, "result": {"protocolVersion": 1}},
    {"id": 2, "result": {"sessionId": "s"}},
)
OPTIONS = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}]


def update(**fields: Any) -> dict[str, Any]:
    return {"method": "session/update", "params": {"sessionId": "s", "update": fields}}


def permission(id_: Any = 7, **fields: Any) -> dict[str, Any]:
    call = {"toolCallId": "c", "title": "Push it", **fields}
    params = {"sessionId": "s", "toolCall": call, "options": OPTIONS}
    return {"method": "session/request_permission", "id": id_, "params": params}


def methods(talk: Talk) -> list[str]:
    return [line.get("method", "") for line in talk.written]


def test_messages_wait_for_a_session_and_for_the_end_of_the_turn() -> None:
    talk = Talk("one", "two")
    assert methods(talk) == ["initialize"]
    talk.hear(*READY)
    assert methods(talk)[1:] == ["session/new", "session/prompt"]
    talk.hear({"id": 3, "result": {"stopReason": "max_tokens"}})
    assert [line["params"]["prompt"][0]["text"] for line in talk.written[2:]] == ["one", "two"]
    assert ("system", "The turn ended because the model's limit of tokens is reached.") in said(talk.messages)


def test_messages_that_an_agent_did_not_live_to_read_are_reported() -> None:
    talk = Talk("one", "two", "three").hear(*READY)
    assert said(talk.end())[-1] == ("system", "The agent ended before it read 2 more messages.")


def test_an_agent_that_needs_a_sign_in_or_another_version_says_so() -> None:
    error = {"code": -32000, "message": "Authentication required"}
    talk = Talk().hear(READY[0], {"id": 2, "error": error})
    assert failures(talk.messages) == [("agent_error", "Authentication required")]
    assert (statuses(talk.messages), said(talk.messages)[-1][0]) == (["error"], "system")
    assert "speaks 2" in failures(Talk().hear({"id": 1, "result": {"protocolVersion": 2}}).messages)[0][1]


def test_a_failed_turn_is_an_error_and_the_next_message_is_sent() -> None:
    talk = Talk("one", "two").hear(*READY, {"id": 3, "error": {"code": 500, "message": "no model", "data": "x"}})
    assert failures(talk.messages) == [("agent_error", "no model: x")]
    assert statuses(talk.messages) == ["idle", "running", "error", "running"]


def test_what_we_do_not_offer_is_refused_and_what_we_do_not_know_is_shown() -> None:
    talk = Talk().hear(*READY, {"id": 9, "method": "fs/read_text_file", "params": {"path": "/etc/passwd"}})
    talk.hear({"id": "x", "method": "_company/dance", "params": {}}, {"method": "_company/sing"})
    talk.hear(update(sessionUpdate="hologram", content=[1]), "no JSON", {"id": 99, "result": {}})
    refused = [(line["id"], line["error"]["code"]) for line in talk.written if "error" in line]
    assert refused == [(9, -32601), ("x", -32601)]
    shown = "".join(text for who, text in said(talk.messages) if who == "system")
    assert all(word in shown for word in ("_company/dance", "_company/sing", "hologram", "no JSON"))
    assert "fs/read_text_file" not in shown


def test_a_permission_is_answered_once_and_with_what_was_chosen() -> None:
    talk = Talk("go").hear(*READY, permission(), permission())
    [request] = asked(talk.messages)
    assert (request.title, [(one.label, one.effect) for one in request.options]) == (
        "Allow: Push it",
        [("Yes", "allow"), ("Cancel", "deny")],
    )
    talk.choose("allow")
    assert talk.written[-1]["result"] == {"outcome": {"outcome": "selected", "optionId": "y"}}
    assert talk.adapter.requests.resolve(request.id, Resolution("answered", "o1")).answer == ""


def test_what_is_written_beside_an_answer_becomes_the_next_message() -> None:
    talk = Talk("go").hear(*READY, permission())
    [request] = asked(talk.messages)
    talk.adapter.requests.resolve(request.id, Resolution("answered", "cancel", text="Not on a Friday"))
    talk.hear({"id": 3, "result": {"stopReason": "end_turn"}})
    assert talk.written[-1]["params"]["prompt"][0]["text"] == "Not on a Friday"


def test_options_that_nobody_could_read_are_not_offered() -> None:
    odd = [
        {"optionId": "all", "name": "Allow " + "x" * 1_000, "kind": "allow_always"},
        {"optionId": "n" * 300, "name": "No", "kind": "reject_once"},
        {"optionId": "later", "name": "Ask me later", "kind": ["?"]},
        {"optionId": "once", "name": "y" * 1_000, "kind": "allow_once"},
        {"name": "nothing"},
        "text",
    ]
    ask = permission()
    ask["params"]["options"] = odd
    talk = Talk("go").hear(*READY, ask)
    [request] = asked(talk.messages)
    assert [one.label for one in request.options] == ["Allow once", "Ask me later", "No"]
    talk.choose("deny")
    assert talk.written[-1]["result"]["outcome"]["optionId"] == "n" * 300


def test_a_permission_that_the_agent_takes_back_is_withdrawn_and_answered() -> None:
    talk = Talk("go").hear(*READY, permission("p"), {"method": "$/cancel_request", "params": {"requestId": "p"}})
    assert [outcome for _, outcome in settled(talk.messages)] == ["withdrawn"]
    assert talk.written[-1] == {"jsonrpc": "2.0", "id": "p", "result": {"outcome": {"outcome": "cancelled"}}}


def test_a_permission_left_open_by_the_end_of_a_turn_or_of_the_agent_is_withdrawn() -> None:
    talk = Talk("go").hear(*READY, permission(), {"id": 3, "result": {"stopReason": "end_turn"}})
    assert ([outcome for _, outcome in settled(talk.messages)], statuses(talk.messages)[-1]) == (["withdrawn"], "idle")
    assert [outcome for _, outcome in settled(Talk("go").hear(*READY, permission()).end())] == ["withdrawn"]


def test_interrupting_an_idle_agent_does_nothing() -> None:
    talk = Talk().hear(*READY)
    talk.interrupt()
    assert methods(talk) == ["initialize", "session/new"]


def test_a_call_without_end_and_one_without_beginning_are_shown() -> None:
    talk = Talk("go").hear(
        *READY,
        update(sessionUpdate="tool_call", toolCallId="a", title="Look around", status="pending"),
        update(sessionUpdate="tool_call_update", toolCallId="b", status="failed", rawOutput={"code": 3}),
        {"id": 3, "result": {"stopReason": "end_turn"}},
    )
    assert said(talk.messages) == [
        ("tool tool_call tool", "tool"),
        ("tool tool_result tool", '{"code":3}'),
        ("tool tool_call tool", "Look around"),
    ]


def test_a_diff_that_is_too_large_to_publish_leaves_the_call() -> None:
    big = [{"type": "diff", "path": "/a", "oldText": None, "newText": "line\n" * 100_000}]
    talk = Talk("go").hear(*READY, update(sessionUpdate="tool_call", toolCallId="a", title="edit", content=big))
    talk.hear(update(sessionUpdate="tool_call_update", toolCallId="a", status="completed"))
    assert said(talk.messages) == [("tool tool_call edit", "edit"), ("tool tool_result edit", "(no output)")]


@pytest.mark.parametrize(
    "line",
    [
        {"id": None, "method": "session/request_permission", "params": {"toolCall": {}, "options": []}},
        {"id": {}, "method": "session/request_permission", "params": {"toolCall": {"toolCallId": 3}, "options": {}}},
        update(sessionUpdate="agent_message_chunk"),
        update(sessionUpdate="plan", entries="none"),
        {"method": "session/update", "params": []},
        {"jsonrpc": "2.0"},
        {"id": 3},
    ],
)
def test_malformed_messages_are_shown(line: dict[str, Any]) -> None:
    talk = Talk("go").hear(*READY, line)
    assert any(who == "system" for who, _ in said(talk.messages))
    assert asked(talk.messages) == []


@pytest.mark.parametrize(
    "line",
    [
        update(sessionUpdate="usage_update", used=-1, size=0, cost={"amount": "x", "currency": "USD"}),
        update(sessionUpdate="usage_update", used=9, size=3, cost={"amount": 10**400, "currency": "USD"}),
        update(sessionUpdate="plan", entries=[1, {"content": 2}, {"content": ""}]),
        update(sessionUpdate="tool_call", toolCallId="a", content="x", rawInput=[1], kind=["edit"], title=7),
        update(sessionUpdate="tool_call_update", toolCallId="a", content=[1, {"type": 2}], status="completed"),
        update(sessionUpdate="agent_message_chunk", content=None, messageId=4),
        {"id": 2, "result": {"sessionId": "t", "configOptions": [1, {"category": "model"}]}},
        {"id": 3, "error": 7},
    ],
)
def test_nonsense_in_known_messages_raises_nothing(line: dict[str, Any]) -> None:
    talk = Talk("go").hear(*READY, line)
    talk.hear({"id": 3, "result": {"stopReason": 3}})
    for message in talk.end():
        message.payload()
