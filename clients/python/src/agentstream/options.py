"""The options of `agentstream run`, also for other command lines that run a command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from agentstream.adapters.registry import AUTO, NAMES, select_adapter
from agentstream.api import Api
from agentstream.credentials import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, find_token
from agentstream.publisher import redactor
from agentstream.redaction import Redactor
from agentstream.spool import default_folder

USAGE = "[--url URL] [--workspace SLUG] [--name NAME] [--key KEY] [--adapter NAME] [--quiet] -- COMMAND …"

ACP_USAGE = "[--url URL] [--workspace SLUG] [--name NAME] [--key KEY] -- AGENT …"

# How long to keep trying to deliver the output after the command has ended: enough for most outages, without blocking
# the program that started the runner forever; and if a person at a terminal is waiting for the prompt.
DEFAULT_WAIT_SECONDS = 300.0
TERMINAL_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class RunOptions:
    """What to run and where to show it.

    `url` is the server's HTTP base; `insecure` permits sending the token to it unencrypted. `workspace` is a slug, or
    None for the only workspace the token's user can see. `name` is the agent's, which is created if there is none; None
    uses the program's name. With a `key` the agent is the one registered under it, whatever its name, and is labeled
    with where and what it is. `adapter` is one of `agentstream.adapters.registry.NAMES`. With `pty` the command writes
    to a pseudo-terminal, and with `input` it reads what people send; None leaves either to the adapter. `spool` is the
    folder for events that the server has not acknowledged, and `wait` is how many seconds the runner outlives the
    command to deliver them; None is 300, or 5 in a terminal. `hidden` names environment variables that the command
    doesn't get, in addition to those with the token. `quiet` keeps the command's output off this program's own stdout
    and stderr. With `terminal` the command has this program's terminal, with None if it is an interactive tool there.
    `redactor` removes secrets from everything that is published; None publishes them.

    Raises ValueError for options that are invalid.
    """

    url: str
    token: str = field(repr=False)
    workspace: str | None
    name: str | None
    command: Sequence[str]
    quiet: bool = False
    adapter: str = AUTO
    pty: bool | None = None
    input: bool | None = None
    spool: Path = field(default_factory=default_folder)
    hidden: Collection[str] = ()
    wait: float | None = None
    insecure: bool = False
    key: str | None = None
    terminal: bool | None = None
    redactor: Redactor | None = field(default_factory=lambda: Redactor(os.environ), repr=False)

    def __post_init__(self) -> None:
        select_adapter(self.adapter, self.command, "")
        Api(self.url, self.token, self.insecure)


def add_run_options(parser: argparse.ArgumentParser, url: str) -> None:
    """All options have defaults; `url` is that of `--url`."""
    add_server_options(parser, url)
    add_token_options(parser)
    parser.add_argument("--workspace", metavar="SLUG", help="the agent's workspace (default: the only one you can see)")
    parser.add_argument("--name", help="the agent's name; it is created if there is none (default: the command's)")
    parser.add_argument(
        "--key",
        help="your own unique name for the agent: register it under this, labeled with host, user, folder, repository,"
        " branch and tool (default: the agent is found by its name)",
    )
    parser.add_argument(
        "--adapter",
        choices=NAMES,
        default=AUTO,
        help="the format of the command's output (default: detected from the command, else text)",
    )
    parser.add_argument(
        "--pty",
        action=argparse.BooleanOptionalAction,
        help="run the command on a pseudo-terminal, so that it prints line by line (default: for text only)",
    )
    parser.add_argument(
        "--input",
        action=argparse.BooleanOptionalAction,
        help="pass on people's input (default: for text and acp, and for Claude with --input-format stream-json)",
    )
    _add_delivery_options(parser)
    parser.add_argument(
        "--terminal",
        action=argparse.BooleanOptionalAction,
        help="give the command this terminal, as if it had been started here directly; its screen is not published"
        " (default: in a terminal, for claude, codex, opencode and gemini unless they run headless)",
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the command's output here")
    add_redact_option(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …", help="what to run")


def add_acp_options(parser: argparse.ArgumentParser, url: str) -> None:
    """The options of `agentstream acp`, which are some of those of `agentstream run`."""
    add_server_options(parser, url)
    add_token_options(parser)
    parser.add_argument("--workspace", metavar="SLUG", help="the agent's workspace (default: the only one you can see)")
    parser.add_argument("--name", help="the agent's name when it is created (default: the folder and branch)")
    parser.add_argument("--key", help="your own unique name for the agent (default: from host, folder and program)")
    _add_delivery_options(parser)
    add_redact_option(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- AGENT …", help="the agent to run")
    parser.set_defaults(adapter="acp", pty=None, input=None, terminal=False, quiet=True)


def _add_delivery_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--spool",
        type=Path,
        default=default_folder(),
        metavar="FOLDER",
        help="where undelivered output is kept for the next run (default: %(default)s)",
    )
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="how long to keep trying to deliver the output after the command has ended; the next run sends the rest"
        f" (default: {DEFAULT_WAIT_SECONDS:g}, with --terminal and in an editor {TERMINAL_WAIT_SECONDS:g})",
    )


def add_ask_options(parser: argparse.ArgumentParser, url: str) -> None:
    """The options of `agentstream ask`."""
    add_server_options(parser, url)
    add_token_options(parser)
    parser.add_argument("--workspace", metavar="SLUG", help="the agent's workspace (default: the only one you can see)")
    parser.add_argument("--name", default="ask", help="the agent that asks; created if it doesn't exist")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="ANSWER",
        help="an answer to choose from; may be repeated",
    )
    parser.add_argument("--body", help="more about the question, in Markdown")
    parser.add_argument("--expires", type=float, metavar="SECONDS", help="give up after this many seconds")
    parser.add_argument("--id", help="the request's id; asking again with the same id doesn't ask twice")
    add_redact_option(parser)
    parser.add_argument("title", help="the question")


def add_redact_option(parser: argparse.ArgumentParser) -> None:
    """Whether secrets are published."""
    parser.add_argument(
        "--no-redact", action="store_true", help="do not replace secrets by [redacted: …] in what is published"
    )


def add_token_options(parser: argparse.ArgumentParser) -> None:
    """Where the token comes from."""
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"read the token from this file (default: ${TOKEN_VARIABLE}, else the file named by"
        f" ${TOKEN_FILE_VARIABLE}, else the token stored by `agentstream login`)",
    )
    parser.add_argument("--token", action=RefuseToken, help=argparse.SUPPRESS)


def add_server_options(parser: argparse.ArgumentParser, url: str) -> None:
    """The options of every command that talks to a server."""
    parser.add_argument("--url", default=url, help="the server (default: %(default)s)")
    parser.add_argument(
        "--insecure", action="store_true", help="allow sending the token over unencrypted http:// to another host"
    )


class RefuseToken(argparse.Action):
    """Refuses a token on the command line: every user of the machine can read that, and shells record it.

    The option has to exist, because argparse would take `--token` for an abbreviation of `--token-file`.
    """

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(
            "--token is not accepted, because other users can read command lines: run `agentstream login`, or use"
            f" --token-file or {TOKEN_VARIABLE}; if this token is still valid, revoke it"
        )


def given_token(given: argparse.Namespace) -> str | None:
    """The token for the server that was given; None if there is none. Raises ValueError if a file holds none."""
    return find_token(given.url, given.token_file, os.environ)


def run_options(given: argparse.Namespace, token: str, hidden: Sequence[str] = ()) -> RunOptions:
    """The options that were given; `hidden` names variables that the command does not get.

    Raises ValueError if they are invalid.
    """
    command: Sequence[str] = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        raise ValueError("expected a command after --")
    return RunOptions(
        url=given.url,
        token=token,
        workspace=given.workspace,
        name=given.name,
        command=command,
        quiet=given.quiet,
        adapter=given.adapter,
        pty=given.pty,
        input=given.input,
        spool=given.spool,
        hidden=hidden,
        wait=given.wait,
        insecure=given.insecure,
        key=given.key,
        terminal=given.terminal,
        redactor=redactor(not given.no_redact, token),
    )
