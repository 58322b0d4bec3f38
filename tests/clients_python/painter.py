"""A full-screen program that always draws the same: colors, wide characters, a box, keys it got, its size.

It ends with q. `python painter.py`
"""

import curses
import os


def main(screen: "curses.window") -> None:
    curses.start_color()
    curses.use_default_colors()
    curses.mousemask(curses.ALL_MOUSE_EVENTS)
    screen.timeout(500)  # a signal that comes just before a read doesn't end it
    keys = ""
    while not keys.endswith("q"):
        draw(screen, keys)
        key = screen.getch()
        if curses.is_term_resized(*size()):
            curses.resize_term(*size())
            keys += "<resize>"
        elif key == curses.KEY_RESIZE:
            keys = keys.removesuffix("<resize>") + "<resize>"
        elif key >= 0:
            keys += {curses.KEY_UP: "<up>", 27: "<esc>"}.get(key) or chr(key)


def size() -> tuple[int, int]:
    """Rows and columns."""
    columns, rows = os.get_terminal_size()
    return rows, columns


def draw(screen: "curses.window", keys: str) -> None:
    rows, columns = screen.getmaxyx()
    screen.erase()
    screen.box()
    for number in range(8):
        curses.init_pair(number + 1, number, -1)
        screen.addstr(2, 2 + 8 * number, f"color {number}", curses.color_pair(number + 1) | curses.A_BOLD)
    screen.addstr(4, 2, "größer ≥ 漢字 ✳", curses.A_REVERSE | curses.A_UNDERLINE)
    screen.addstr(6, 2, f"{columns} x {rows}, keys: {keys}")
    screen.refresh()


if __name__ == "__main__":
    curses.wrapper(main)
