"""`agentstream run --terminal` in a real shell inside tmux: job control and pictures."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.support.tmux import tmux

from .place import Place
from .terminals import environment, line

pytestmark = pytest.mark.tmux

PAINTER = (sys.executable, str(Path(__file__).with_name("painter.py")))
SUSPENDER = (sys.executable, str(Path(__file__).with_name("suspender.py")))


@pytest.mark.parametrize("command", [SUSPENDER, ("cat",)], ids=["raw", "cooked"])
def test_control_z_suspends_and_fg_goes_on(place: Place, tmp_path: Path, command: tuple[str, ...]) -> None:
    raw = len(command) > 1
    with tmux(tmp_path, environment(place), (40, 150)) as pane:
        pane.enter(f"stty -a > {tmp_path}/before; " + shlex.join(line(place, *command)))
        if raw:
            pane.wait_for("ready")
        else:
            pane.enter("first")
            pane.wait_for("first", 2)
        for times in (1, 2):
            pane.keys("C-z")
            pane.wait_for("Stopped", times)
            pane.wait_for_prompt()
            pane.enter(f"stty -a | diff - {tmp_path}/before && echo same modes; jobs")
            pane.wait_for("same modes\n", times)
            pane.enter("fg")
            if raw:
                pane.wait_for("again", times)
                pane.keys("x")
                pane.wait_for("key b'x'", times)
            else:
                pane.enter(f"line {times}")
                pane.wait_for(f"line {times}", 2)
        pane.keys("q" if raw else "C-d")
        pane.wait_for_prompt()
        pane.enter("echo code $?")
        pane.wait_for("code 0")


def test_it_draws_the_same_picture_as_without_the_runner(place: Place, tmp_path: Path) -> None:
    pictures = []
    for number, command in enumerate((PAINTER, line(place, *PAINTER))):
        (folder := tmp_path / str(number)).mkdir()
        seen = []
        with tmux(folder, environment(place)) as pane:
            pane.enter("clear; " + shlex.join(command))
            pane.wait_for("80 x 24, keys: ")
            seen.append(pane.picture())
            pane.keys("a", "Up", "Escape")
            pane.wait_for("keys: a<up><esc>")
            seen.append(pane.picture())
            pane.resize(30, 100)
            pane.wait_for("100 x 30, keys: a<up><esc><resize>")
            seen.append(pane.picture())
            pane.keys("q")
            pane.wait_for_prompt()
            pane.enter("clear; echo code $?")
            pane.wait_for("code 0")
            seen.append(pane.picture())
        pictures.append(seen)
    assert pictures[0] == pictures[1]


def test_in_a_window_without_a_shell_it_goes_on_after_control_z(place: Place, tmp_path: Path) -> None:
    with tmux(tmp_path, environment(place), (40, 150)) as pane:
        # Nobody could continue it: a program there isn't stopped.
        pane.enter("exec " + shlex.join(line(place, *SUSPENDER)))
        pane.wait_for("ready")
        pane.keys("C-z")
        pane.wait_for("again")
        pane.keys("x")
        pane.wait_for("key b'x'")
