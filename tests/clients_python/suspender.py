"""A program in raw mode that suspends itself when it gets Ctrl-Z, as tools do. It ends with q.

`python suspender.py`
"""

import os
import signal
import termios
import tty

before = termios.tcgetattr(0)
tty.setraw(0)
print("ready\r")
while (key := os.read(0, 1)) != b"q":
    if key == b"\x1a":
        termios.tcsetattr(0, termios.TCSANOW, before)
        os.kill(0, signal.SIGTSTP)
        tty.setraw(0)
        print("again\r")
    else:
        print("key", key, "\r")
termios.tcsetattr(0, termios.TCSANOW, before)
