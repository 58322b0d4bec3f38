"""The `agentstream` command."""

from __future__ import annotations

import argparse
import asyncio
import codecs
import logging
import os
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path
from typing import Any

from agentstream import __version__
from agentstream.acp.proxy import proxy
from agentstream.api import Api
from agentstream.asking import ask
from agentstream.collector.collector import collect
from agentstream.collector.config import Config, config_path
from agentstream.connect.command import Choice, connect, disconnect
from agentstream.connect.doctor import doctor, status
from agentstream.connect.tools import TOOLS
from agentstream.credentials import TOKEN_VARIABLE, TokenStore, find_token
from agentstream.device import sign_in
from agentstream.errors import AgentstreamError
from agentstream.hardening import harden
from agentstream.options import (
    ACP_USAGE,
    USAGE,
    add_acp_options,
    add_ask_options,
    add_run_options,
    add_server_options,
    add_token_options,
    given_token,
    run_options,
)
from agentstream.publisher import redactor
from agentstream.redaction import Redactor
from agentstream.redaction.requests import Asked
from agentstream.requests import Option, Request
from agentstream.runner import run

log = logging.getLogger("agentstream")

FAILED = 1
NOT_ANSWERED = 3
INTERRUPTED = 130

READ_BYTES = 64 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code of the command, or 1 if it couldn't be run."""
    logging.basicConfig(level=logging.WARNING, format="agentstream: %(message)s", stream=sys.stderr)
    given = _parser().parse_args(arguments)
    try:
        code: int = given.command_function(given)
    except (AgentstreamError, ValueError, OSError) as failed:
        print(f"agentstream: {failed}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _token(given: argparse.Namespace) -> str:
    token = given_token(given)
    if token is None:
        raise ValueError(f"expected a token: run `agentstream login --url {given.url}`, or set {TOKEN_VARIABLE}")
    return token


def _ask(given: argparse.Namespace) -> int:
    """Prints the answer. Exits with 0 for the first option or a text, 1 for another option, 3 if nobody answered."""
    return asyncio.run(_asked(given, Api(given.url, _token(given), given.insecure)))


async def _asked(given: argparse.Namespace, api: Api) -> int:
    options = [Option(answer, answer, "allow" if not index else "deny") for index, answer in enumerate(given.option)]
    named = {} if given.id is None else {"id": given.id}
    request = Request(given.title, options, body=given.body, expires_in=given.expires, **named)
    agent = await api.agent((await api.workspace(given.workspace)).id, given.name)
    asked = Asked(redactor(not given.no_redact, api.token), request)
    resolution = asked.resolution(await ask(api, agent.id, asked.request))
    if resolution.outcome not in ("answered", "answered_elsewhere"):
        print(f"agentstream: the question wasn't answered: {resolution.outcome}", file=sys.stderr)
        return NOT_ANSWERED
    print(resolution.option or resolution.text or "")
    return 0 if not options or resolution.option == options[0].id else FAILED


def _run(given: argparse.Namespace) -> int:
    options = run_options(given, _token(given))
    harden({TOKEN_VARIABLE})
    return asyncio.run(run(options))


def _acp(given: argparse.Namespace) -> int:
    """An editor gets its agent in any case; what keeps it from being shown is logged."""
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        raise ValueError("expected the agent's command after --")
    try:
        options = run_options(given, _token(given))
    except (ValueError, OSError) as failed:
        log.warning("what the agent does isn't shown: %s", failed)
        options = None
    harden({TOKEN_VARIABLE})
    return proxy(command, options)


def _redact(given: argparse.Namespace) -> int:
    """Prints a file as it would be published, and reports on standard error what was redacted."""
    redactor = Redactor(os.environ)
    stream = redactor.stream()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with sys.stdin.buffer if given.file == "-" else Path(given.file).open("rb") as file:
        while data := file.read(READ_BYTES):
            _print(stream.feed(decoder.decode(data)))
    _print(stream.end(decoder.decode(b"", final=True)))
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(redactor.found.items()))
    total = redactor.found.total()
    print(f"agentstream: {total} redacted{': ' if kinds else ''}{kinds}", file=sys.stderr)
    return 0


def _print(text: str) -> None:
    sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
    sys.stdout.buffer.flush()


def _login(given: argparse.Namespace) -> int:
    store = TokenStore.default(os.environ)
    if sys.stdin.isatty() and not given.paste:
        token = sign_in(given.url, given.insecure, browser=not given.no_browser)
    else:
        token = _read_token(given.url)
        asyncio.run(Api(given.url, token, given.insecure).workspaces())
    store.put(given.url, token)
    print(f"Logged in to {given.url}. The token is stored in {store.path}.")
    return 0


def _logout(given: argparse.Namespace) -> int:
    if not TokenStore.default(os.environ).remove(given.url):
        raise ValueError(f"no token is stored for {given.url}")
    print(f"Logged out of {given.url}. The token stays valid until you revoke it on the server.")
    return 0


def _connect(given: argparse.Namespace) -> int:
    token = given_token(given)
    if token is None and sys.stdin.isatty():
        token = sign_in(given.url, given.insecure, scopes=("publish",))
    choice = Choice(
        given.url,
        token or _token(given),
        given.workspace,
        given.insecure,
        given.yes,
        given.service,
        given.backfill_hours,
        given.answer,
    )
    return connect(choice, given.tools, os.environ)


def _collect(_: argparse.Namespace) -> int:
    logging.getLogger().setLevel(logging.INFO)
    path = config_path(os.environ)
    if not path.exists():
        raise ValueError(f"expected a configuration in {path}: run `agentstream connect`")
    config = Config.load(path)
    token = find_token(config.url, None, os.environ)
    if token is None:
        raise ValueError(f"expected a token: run `agentstream login --url {config.url}`, or set {TOKEN_VARIABLE}")
    harden({TOKEN_VARIABLE})
    return collect(config, token)


def _read_token(url: str) -> str:
    """Reads a token from a prompt without echo, or the first line of a pipe."""
    token = getpass(f"Token for {url}: ") if sys.stdin.isatty() else sys.stdin.readline()
    return token.strip()


def _parser() -> argparse.ArgumentParser:
    url = os.environ.get("AGENTSTREAM_URL", "http://127.0.0.1:8000")
    parser = argparse.ArgumentParser(
        prog="agentstream", description="Show people, live, what your AI agents are doing."
    )
    parser.add_argument("--version", action="version", version=f"agentstream {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_ = commands.add_parser("run", usage=f"agentstream run {USAGE}", help="run a command and publish what it prints")
    add_run_options(run_, url)
    run_.set_defaults(command_function=_run)
    proxying = commands.add_parser(
        "acp",
        usage=f"agentstream acp {ACP_USAGE}",
        help="run an agent for an editor (Agent Client Protocol), and show it",
    )
    add_acp_options(proxying, url)
    proxying.set_defaults(command_function=_acp)
    asking = commands.add_parser("ask", help="ask a person a question, and wait for the answer")
    add_ask_options(asking, url)
    asking.set_defaults(command_function=_ask)
    redacting = commands.add_parser("redact", help="print a file as it would be published, without its secrets")
    redacting.add_argument("file", metavar="FILE", help="the file; - for standard input")
    redacting.set_defaults(command_function=_redact)
    _add_machine_commands(commands, url)
    login = commands.add_parser("login", help="sign in by browser, and store the token")
    add_server_options(login, url)
    login.add_argument("--paste", action="store_true", help="read a token from a prompt (default: only from a pipe)")
    login.add_argument("--no-browser", action="store_true", help="print the page's address, but don't open it")
    login.set_defaults(command_function=_login)
    logout = commands.add_parser("logout", help="forget the token for a server")
    logout.add_argument("--url", default=url, help="the server (default: %(default)s)")
    logout.set_defaults(command_function=_logout)
    return parser


def _add_machine_commands(commands: Any, url: str) -> None:
    """The commands about the agents of this machine."""
    connecting = commands.add_parser("connect", help="report the coding agents of this machine, however you start them")
    connecting.add_argument(
        "tools", nargs="*", metavar="TOOL", help=f"which ones: {', '.join(TOOLS)} (default: all that are found)"
    )
    add_server_options(connecting, url)
    add_token_options(connecting)
    connecting.add_argument("--workspace", metavar="SLUG", help="where they appear (default: the only one you can see)")
    connecting.add_argument("--yes", action="store_true", help="write without asking")
    connecting.add_argument(
        "--service",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="run the collector as a service of systemd or launchd (default: if there is one)",
    )
    connecting.add_argument(
        "--backfill-hours",
        type=float,
        default=0.0,
        metavar="HOURS",
        help="also publish what running sessions said this long ago (default: 0)",
    )
    connecting.add_argument(
        "--answer",
        action="store_true",
        help="answer Codex's permissions on the page; meanwhile it doesn't ask in its terminal",
    )
    connecting.set_defaults(command_function=_connect)
    leaving = commands.add_parser("disconnect", help="take out what `connect` wrote, and stop the collector")
    leaving.add_argument("tools", nargs="*", metavar="TOOL", help="which ones (default: all)")
    leaving.set_defaults(command_function=lambda given: disconnect(given.tools, os.environ))
    collecting = commands.add_parser("collect", help="report this machine's agents (what the service runs)")
    collecting.set_defaults(command_function=_collect)
    examining = commands.add_parser("doctor", help="check what is connected on this machine, and whether it works")
    examining.set_defaults(command_function=lambda _: doctor(os.environ))
    listing = commands.add_parser("status", help="list the agents that run on this machine")
    listing.set_defaults(command_function=lambda _: status(os.environ))
