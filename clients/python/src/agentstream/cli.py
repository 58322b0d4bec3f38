"""The `agentstream` command."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from getpass import getpass

from agentstream import __version__
from agentstream.api import Api
from agentstream.credentials import TOKEN_VARIABLE, TokenStore
from agentstream.errors import AgentstreamError
from agentstream.hardening import harden
from agentstream.options import USAGE, add_run_options, add_server_options, given_token, run_options
from agentstream.runner import run

FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: that of the command that was run, or 1 if none was."""
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


def _run(given: argparse.Namespace) -> int:
    token = given_token(given)
    if token is None:
        raise ValueError(f"expected a token: run `agentstream login --url {given.url}`, or set {TOKEN_VARIABLE}")
    options = run_options(given, token)
    harden({TOKEN_VARIABLE})
    return asyncio.run(run(options))


def _login(given: argparse.Namespace) -> int:
    store = TokenStore.default(os.environ)
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


def _read_token(url: str) -> str:
    """From a prompt that does not echo, or the first line of a pipe."""
    token = getpass(f"Token for {url}: ") if sys.stdin.isatty() else sys.stdin.readline()
    return token.strip()


def _parser() -> argparse.ArgumentParser:
    url = os.environ.get("AGENTSTREAM_URL", "http://127.0.0.1:8000")
    parser = argparse.ArgumentParser(prog="agentstream", description="Show people live what your AI agents do.")
    parser.add_argument("--version", action="version", version=f"agentstream {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_ = commands.add_parser("run", usage=f"agentstream run {USAGE}", help="run a command and publish what it prints")
    add_run_options(run_, url)
    run_.set_defaults(command_function=_run)
    login = commands.add_parser("login", help="store a token for a server, read from a prompt or a pipe")
    add_server_options(login, url)
    login.set_defaults(command_function=_login)
    logout = commands.add_parser("logout", help="forget the token for a server")
    logout.add_argument("--url", default=url, help="the server (default: %(default)s)")
    logout.set_defaults(command_function=_logout)
    return parser
