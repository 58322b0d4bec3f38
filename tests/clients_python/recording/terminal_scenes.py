"""Scenes of a person who uses Codex in a terminal: what the model answers and what the person does."""

from __future__ import annotations

from dataclasses import dataclass

from .replies import Answer, Call, Refusal, Search, reply, text, thought


@dataclass(frozen=True)
class Typed:
    """A line, with Enter."""

    words: str


@dataclass(frozen=True)
class Pressed:
    """One key, as tmux names it."""

    key: str


@dataclass(frozen=True)
class Seen:
    """Wait until these words are on the screen."""

    words: str


@dataclass(frozen=True)
class Ended:
    """Wait until this many turns have ended since the beginning, in all sessions."""

    turns: int


@dataclass(frozen=True)
class Restarted:
    """Wait until Codex has quit, and start it again."""

    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Killed:
    """SIGKILL for the process that keeps the session."""


Step = Typed | Pressed | Seen | Ended | Restarted | Killed


@dataclass(frozen=True)
class TerminalScene:
    """`name` is that of the recording. The last of the `answers` is given again and again."""

    name: str
    answers: tuple[Answer, ...]
    steps: tuple[Step, ...]
    arguments: tuple[str, ...] = ()


ADDED = """*** Begin Patch
*** Add File: note.txt
+hello
+again
*** End Patch
"""
CHANGED = """*** Begin Patch
*** Update File: note.txt
@@
 hello
-again
+twice
*** End Patch
"""
PLAN = [{"step": "Greet", "status": "completed"}, {"step": "Leave", "status": "in_progress"}]
QUESTION = {
    "id": "colour",
    "header": "Colour",
    "question": "Which colour?",
    "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
}


def asking(command: str) -> Call:
    """A command that Codex must ask about."""
    given = {"cmd": command, "sandbox_permissions": "require_escalated", "justification": "May I?"}
    return Call("exec_command", given)


SCENES = (
    TerminalScene(
        "tools",
        (
            reply(
                thought("**Greeting** ", "twice."),
                text("I'll greet ", "twice — größer ", "als 3 €."),
                asking("echo hello; echo again"),
            ),
            reply(Search("python decimal"), Call("exec_command", {"cmd": "cat nowhere.txt"})),
            reply(Call("apply_patch", ADDED)),
            reply(Call("apply_patch", CHANGED)),
            reply(Call("update_plan", {"plan": PLAN})),
            reply(text("Done: greeted twice.")),
        ),
        (Typed("Greet twice"), Seen("Yes, proceed"), Pressed("y"), Ended(1)),
    ),
    TerminalScene(
        "mcp",
        (reply(Call("search", {"query": "decimal"}, "mcp__docs")), reply(text("It is exact."))),
        (Typed("Look it up"), Seen("Allow"), Pressed("Enter"), Ended(1)),
    ),
    TerminalScene(
        "denied",
        (reply(text("I'll remove it."), asking("rm note.txt")), reply(text("Then it stays."))),
        (Typed("Tidy up"), Seen("Yes, proceed"), Pressed("Escape"), Ended(1), Typed("Go on"), Ended(2)),
    ),
    TerminalScene(
        "interrupted",
        (reply(text("I'll wait."), Call("exec_command", {"cmd": "echo begun; sleep 9"})),),
        (Typed("Wait"), Seen("sleep 9"), Pressed("Escape"), Ended(1)),
    ),
    TerminalScene(
        "compacted",
        (reply(text("It is read."), written=900), reply(text("Go on, then."))),
        (Typed("Read it"), Ended(1), Typed("/compact"), Ended(2), Typed("And now?"), Ended(3)),
    ),
    TerminalScene(
        "question",
        (
            reply(text("A question."), Call("request_user_input", {"questions": [QUESTION]})),
            reply(text("Blue it is.\n<proposed_plan>\n# Paint\n\n1. Paint it blue.\n</proposed_plan>\n")),
        ),
        (
            Typed("/plan"),
            Typed("Plan it"),
            Seen("Which colour?"),
            Pressed("2"),
            Seen("Implement this plan"),
            Pressed("Escape"),
            Ended(1),
        ),
    ),
    TerminalScene(
        "subagent",
        (
            reply(text("I'll ask."), Call("spawn_agent", {"message": "Who calls total()?"}, "multi_agent_v1")),
            reply(text("Only cart.py does.")),
        ),
        (Typed("Who calls total()?"), Ended(2)),
    ),
    TerminalScene(
        "failed",
        (Refusal(401, "invalid_api_key", "Incorrect API key provided"),),
        (Typed("Hi"), Ended(1)),
    ),
    TerminalScene("shell", (reply(text("Hello.")),), (Typed("!echo by hand"), Ended(1), Typed("Hi"), Ended(2))),
    TerminalScene(
        "resumed",
        (reply(text("Hello.")), reply(text("Hello again."))),
        (Typed("Hi"), Ended(1), Typed("/quit"), Restarted(("resume", "--last")), Typed("Hi again"), Ended(2)),
    ),
    TerminalScene(
        "cleared",
        (reply(text("Hello.")), reply(text("Hello again."))),
        (Typed("Hi"), Ended(1), Typed("/new"), Seen("conversation run"), Pressed("Enter"), Typed("Hi again"), Ended(2)),
    ),
    TerminalScene(
        "killed",
        (reply(text("I'll wait."), Call("exec_command", {"cmd": "echo begun; sleep 9"})),),
        (Typed("Wait"), Seen("sleep 9"), Killed()),
    ),
)
