"""Decides whether a command gets this program's terminal."""

from __future__ import annotations

import threading

from agentstream.adapters.registry import AUTO
from agentstream.options import RunOptions
from agentstream.terminal.outer import is_terminal
from agentstream.terminal.tools import is_interactive


def in_terminal(options: RunOptions) -> bool:
    """Whether the command is to have this program's terminal: if that was asked for or, by default, if it is an
    interactive tool and no option says how to read its output.

    Raises ValueError if that was asked for and can't be done.
    """
    possible = is_terminal() and threading.current_thread() is threading.main_thread()
    if options.terminal and not possible:
        raise ValueError("terminal: expected standard input and output that are a terminal")
    if options.terminal and options.quiet:
        raise ValueError("terminal: expected it without quiet, because the terminal shows the command")
    if options.terminal is not None:
        return options.terminal
    default = (options.adapter, options.pty, options.input, options.quiet) == (AUTO, None, None, False)
    return possible and default and is_interactive(options.command)
