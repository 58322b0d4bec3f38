"""What viewers see of Codex's rollout files; `transcripts/README.md` says how they were recorded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agentstream.collector.activity import Activity
from agentstream.collector.codex import CodexRollout
from agentstream.collector.codex_files import codex_home, head, rollouts, session_of
from agentstream.messages import Context, Message, Output, Plan, Session, Subagent, Usage, encode

from .messages import TRANSCRIPTS, failures, levels, said

FOLDER = TRANSCRIPTS / "codex-rollout"
NAMES = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.jsonl"))
BOTH = ("0.128.0", "0.169.0")

RUNNING, IDLE, WAITING, FAILED = Activity.RUNNING, Activity.IDLE, Activity.WAITING, Activity.FAILED
WINDOW = 258_400
NOTE = ("system", "The turn was interrupted.")

Line = tuple[dict[str, Any], int]


def lines(name: str) -> list[Line]:
    """The records of a recording, each with its offset."""
    found, offset = [], 0
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines(keepends=True):
        found.append((json.loads(line), offset))
        offset += len(line)
    return found


def session(name: str) -> str:
    return str(lines(name)[0][0]["payload"]["id"])


def told(name: str, start: int = 0) -> list[list[Message]]:
    """The messages of each line from `start`."""
    rollout = CodexRollout(session(name))
    return [list(rollout.translate(record, offset)) for record, offset in lines(name)[start:]]


def every(name: str) -> list[Message]:
    return [message for messages in told(name) for message in messages]


def states(name: str) -> list[Activity]:
    """The states, without repetitions."""
    rollout = CodexRollout(session(name))
    found = [state for record, _ in lines(name) if (state := rollout.activity(record))]
    return [state for number, state in enumerate(found) if number == 0 or found[number - 1] != state]


def call(tool: str, given: str, result: str) -> list[tuple[str, str]]:
    return [(f"tool tool_call {tool}", given), (f"tool tool_result {tool}", result)]


ADDED = "*** Begin Patch\n*** Add File: note.txt\n+hello\n+again\n*** End Patch\n"
CHANGED = "*** Begin Patch\n*** Update File: note.txt\n@@\n hello\n-again\n+twice\n*** End Patch\n"
PLAN = '{"plan": [{"step": "Greet", "status": "completed"}, {"step": "Leave", "status": "in_progress"}]}'
MISSING = "cat: nowhere.txt: No such file or directory\n(exit code 1)"


@pytest.mark.parametrize("version", BOTH)
def test_a_turn_is_shown_with_its_thoughts_words_calls_and_results(version: str) -> None:
    messages = every(f"{version}/tools")
    planned = "Plan updated" if version == "0.128.0" else "unsupported call: update_plan"
    assert said(messages) == [
        ("user", "Greet twice"),
        ("assistant thinking", "**Greeting** twice."),
        ("assistant", "I'll greet twice — größer als 3 €."),
        *call("exec_command", "echo hello; echo again", "hello\nagain\n"),
        ("tool tool_call web_search", "python decimal"),
        *call("exec_command", "cat nowhere.txt", MISSING),
        *call("apply_patch", ADDED, "Success. Updated the following files:\nA note.txt\n"),
        *call("apply_patch", CHANGED, "Success. Updated the following files:\nM note.txt\n"),
        *call("update_plan", PLAN, planned),
        ("assistant", "Done: greeted twice."),
    ]
    results = [message for message in messages if isinstance(message, Output) and message.kind == "tool_result"]
    assert [result.is_error for result in results] == [False, True, False, False, None]
    assert states(f"{version}/tools") == [RUNNING, IDLE]


@pytest.mark.parametrize("version", BOTH)
def test_a_patch_is_shown_as_a_diff(version: str) -> None:
    outputs = [message for message in every(f"{version}/tools") if isinstance(message, Output)]
    assert [(change.path, change.patch) for output in outputs for change in output.changes or ()] == [
        ("note.txt", "--- note.txt\n+++ note.txt\n@@ -0,0 +1,2 @@\n+hello\n+again\n"),
        ("note.txt", "--- note.txt\n+++ note.txt\n@@ -1,2 +1,2 @@\n hello\n-again\n+twice\n"),
    ]


@pytest.mark.parametrize("version", BOTH)
def test_a_plan_is_shown(version: str) -> None:
    [plan] = [message for message in every(f"{version}/tools") if isinstance(message, Plan)]
    assert [(entry.content, entry.status) for entry in plan.entries] == [
        ("Greet", "completed"),
        ("Leave", "in_progress"),
    ]


@pytest.mark.parametrize("version", BOTH)
def test_a_session_has_its_place(version: str) -> None:
    name = f"{version}/tools"
    place = "/tmp/agentstream-terminal/work"
    labels: dict[str, str] = {}
    for record, _ in lines(name):
        labels |= CodexRollout(session(name)).labels(record)
    assert labels == {"toolVersion": version, "cwd": place, "model": "gpt-5.5"}
    found = head(FOLDER / f"{name}.jsonl")
    assert found
    assert (found.session, found.root, found.cwd, found.version) == (session(name), session(name), place, version)
    assert found.is_from_a_terminal


@pytest.mark.parametrize("version", BOTH)
def test_the_context_level_is_that_of_the_last_answer_and_drops_with_a_compaction(version: str) -> None:
    messages = every(f"{version}/compacted")
    used = [used for _, used, _ in levels(messages)]
    [compacted] = [message for message in messages if isinstance(message, Session) and message.change == "compacted"]
    after = [m for m in messages[messages.index(compacted) :] if isinstance(m, Context)]
    assert used[0] == 21_900
    assert (after[0].tokens_used or 0) < 10_000
    assert levels(messages)[-1] == (round(100 * 21_050 / WINDOW), 21_050, WINDOW)
    usages = [message for message in messages if isinstance(message, Usage) and message.session]
    assert (usages[-1].input_tokens, usages[-1].cached_input_tokens, usages[-1].output_tokens) == (43_000, 40_000, 955)
    assert said(messages) == [
        ("user", "Read it"),
        ("assistant", "It is read."),
        ("user", "And now?"),
        ("assistant", "Go on, then."),
    ]


@pytest.mark.parametrize("version", BOTH)
def test_the_plans_limits_are_told(version: str) -> None:
    told = [message.limits for message in every(f"{version}/tools") if isinstance(message, Usage)][-1]
    assert told is not None
    assert [(limit.name, limit.used_percent) for limit in told] == [("five_hour", 12.5), ("seven_day", 40.0)]
    assert [limit.resets_at and limit.resets_at.timestamp() for limit in told] == [1_795_766_400, 1_796_000_000]


@pytest.mark.parametrize("version", BOTH)
def test_a_denied_command_ends_the_turn(version: str) -> None:
    assert said(every(f"{version}/denied")) == [
        ("user", "Tidy up"),
        ("assistant", "I'll remove it."),
        *call("exec_command", "rm note.txt", "(aborted)"),
        NOTE,
        ("user", "Go on"),
        ("assistant", "Then it stays."),
    ]
    assert states(f"{version}/denied") == [RUNNING, IDLE, RUNNING, IDLE]


@pytest.mark.parametrize("version", BOTH)
def test_an_interrupted_turn_is_idle(version: str) -> None:
    assert said(every(f"{version}/interrupted"))[-1] == NOTE
    assert states(f"{version}/interrupted") == [RUNNING, IDLE]


@pytest.mark.parametrize("version", BOTH)
def test_a_question_waits_until_it_is_answered(version: str) -> None:
    assert said(every(f"{version}/question")) == [
        ("user", "Plan it"),
        ("assistant", "A question."),
        *call("request_user_input", "Which colour?\n- Red\n- Blue", '{"answers":{"colour":{"answers":["Blue"]}}}'),
        ("assistant", "# Paint\n\n1. Paint it blue.\n"),
        ("assistant", "Blue it is.\n"),
    ]
    assert states(f"{version}/question") == [RUNNING, WAITING, RUNNING, IDLE]


@pytest.mark.parametrize("version", BOTH)
def test_a_command_that_a_person_ran_is_shown(version: str) -> None:
    assert said(every(f"{version}/shell"))[:2] == call("shell", "echo by hand", "by hand\n")


def test_a_failed_turn_says_why() -> None:
    [(code, message)] = failures(every("0.169.0/failed"))
    assert (code, message.partition(":")[0]) == ("turn_failed", "unexpected status 401 Unauthorized")
    assert states("0.169.0/failed") == [RUNNING, FAILED]


def test_the_tool_of_an_mcp_server_has_the_servers_name() -> None:
    assert call("docs.search", '{"query": "decimal"}', "Decimal is exact.") == said(every("0.169.0/mcp"))[1:3]


def test_a_subagent_is_told_by_its_session() -> None:
    child = session("0.169.0/subagent-2")
    told = [message for message in every("0.169.0/subagent") if isinstance(message, Subagent)]
    assert [(one.parent_id, one.change) for one in told] == [(child, "started"), (child, "ended")]
    assert told[0].name == told[1].name != "agent"
    assert told[0].description == "Who calls total()?"
    found = head(FOLDER / "0.169.0" / "subagent-2.jsonl")
    assert found
    assert found.root == session("0.169.0/subagent")


def test_the_outputs_of_a_subagents_file_can_carry_its_name() -> None:
    name = "0.169.0/subagent-2"
    rollout = CodexRollout(session(name), parent=session(name))
    outputs = [m for record, at in lines(name) for m in rollout.translate(record, at) if isinstance(m, Output)]
    assert {output.parent_id for output in outputs} == {session(name)}
    assert {output.role for output in outputs} == {"tool"}


def test_a_session_that_is_resumed_goes_on_and_a_new_one_has_a_new_file() -> None:
    assert said(every("0.169.0/resumed")) == [
        *said(every("0.169.0/cleared")),
        *said(every("0.169.0/cleared-2")),
    ]
    assert session("0.169.0/cleared") != session("0.169.0/cleared-2")


def test_a_killed_session_stops_in_the_middle() -> None:
    assert states("0.169.0/killed") == [RUNNING]


@pytest.mark.parametrize("name", NAMES)
def test_every_line_has_the_same_messages_wherever_the_reading_starts(name: str) -> None:
    whole = told(name)
    for start in range(len(whole)):
        assert [_nameless(messages) for messages in told(name, start)] == [_nameless(m) for m in whole[start:]]


@pytest.mark.parametrize("name", NAMES)
def test_message_ids_are_unique(name: str) -> None:
    ids = [message.message_id for message in every(name) if isinstance(message, Output)]
    assert None not in ids
    assert len(set(ids)) == len(ids)


def _nameless(messages: list[Message]) -> list[dict[str, Any]]:
    """Without the names that only earlier lines tell."""
    return [
        {key: value for key, value in message.payload().items() if key not in _names(message)} | {"type": message.type}
        for message in messages
    ]


def _names(message: Message) -> tuple[str, ...]:
    match message:
        case Output(kind="tool_result"):
            return ("toolName",)
        case Subagent(change="ended"):
            return ("name",)
        case _:
            return ()


def test_unknown_lines_are_quiet_unless_they_have_words_for_people() -> None:
    rollout = CodexRollout("s")
    for record in (
        {"type": "novelty", "payload": {"message": "internal"}},
        {"type": "event_msg", "payload": {"type": "novelty", "value": 1}},
        {"type": "event_msg", "payload": {"type": "item_completed", "item": {"type": "Novelty"}}},
        {"type": "response_item", "payload": {"type": "novelty", "text": "for the model"}},
    ):
        assert list(rollout.translate(record, 0)) == []
        assert rollout.activity(record) is None
        assert rollout.labels(record) == {}
    warning = {"type": "event_msg", "payload": {"type": "warning", "message": "Heed this"}}
    assert said(list(rollout.translate(warning, 0))) == [("system", "Heed this")]


def test_the_meta_of_another_session_does_not_start_this_one() -> None:
    copied = {"type": "session_meta", "payload": {"id": "other", "cwd": "/elsewhere"}}
    assert list(CodexRollout("s").translate(copied, 0)) == []
    assert CodexRollout("s").labels(copied) == {}


def _deep(depth: int = 400) -> Any:
    value: Any = "end"
    for number in range(depth):
        value = [value] if number % 2 else {"message": value}
    return value


HOSTILE: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    float("nan"),
    "",
    "\0\ud800",
    "x" * 300_000,
    "Wall time: 9.9 seconds\n" * 1_000,
    '{"output":' * 500,
    "[" * 100_000,
    "*** Begin Patch\n*** Update File: \n@@\n@@\n*** Move to: \n",
    [],
    [None, 1, "a", {"text": 1}, {}],
    {},
    {"content": {"content": 1}, "completed": [], "text": None},
    _deep(),
]


def _twisted(value: Any) -> Iterator[Any]:
    """`value` with each of its parts in turn replaced by hostile values, or gone."""
    yield from HOSTILE
    if isinstance(value, dict):
        for key in value:
            yield {name: part for name, part in value.items() if name != key}
            yield from (value | {key: twisted} for twisted in _twisted(value[key]))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from ([*value[:number], twisted, *value[number + 1 :]] for twisted in _twisted(part))


def _shapes() -> Iterator[tuple[str, dict[str, Any]]]:
    """The first line of each shape in all recordings."""
    seen = set()
    for name in NAMES:
        for record, _ in lines(name):
            payload = record["payload"]
            item = payload.get("item") or {}
            shape = (record["type"], payload.get("type"), payload.get("role"), payload.get("name"), item.get("type"))
            if shape not in seen:
                seen.add(shape)
                yield session(name), record


def test_hostile_values_never_raise_and_can_be_published() -> None:
    count = 0
    for id_, record in _shapes():
        for twisted in _twisted(record["payload"]):
            changed = record | {"payload": twisted}
            rollout = CodexRollout(id_)
            for message in rollout.translate(changed, 7):
                encode(message.payload())
                count += 1
            rollout.activity(changed)
            rollout.labels(changed)
    assert count > 1_000


def test_the_newest_sessions_come_first(tmp_path: Path) -> None:
    old, new, newest = (
        _rollout(tmp_path, day, hour) for day, hour in (("2025/12/31", 9), ("2026/11/27", 9), ("2026/11/27", 10))
    )
    (newest.parent / "notes.jsonl").touch()
    (tmp_path / "sessions" / "drafts").mkdir()
    assert list(rollouts(tmp_path, 10)) == [newest, new, old]
    assert list(rollouts(tmp_path, 1)) == [newest, new]
    assert list(rollouts(tmp_path / "nowhere", 10)) == []


def test_the_session_is_in_the_files_name(tmp_path: Path) -> None:
    assert session_of(_rollout(tmp_path, "2026/11/27", 9)) == "01a21b37-2883-79b3-9e61-9737ef53c0a2"
    assert session_of(Path("rollout-2026.jsonl")) is None


def test_codex_has_its_files_where_the_environment_says(tmp_path: Path) -> None:
    assert codex_home({"HOME": "/home/ada"}) == Path("/home/ada/.codex")
    assert codex_home({"HOME": "/home/ada", "CODEX_HOME": str(tmp_path)}) == tmp_path


def _rollout(home: Path, day: str, hour: int) -> Path:
    stamp = f"{day.replace('/', '-')}T{hour:02}-15-29"
    file = home / "sessions" / day / f"rollout-{stamp}-01a21b37-2883-79b3-9e61-9737ef53c0a2.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file
