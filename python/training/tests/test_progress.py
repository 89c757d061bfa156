"""What a person sees while a run goes on: a bar on a terminal, and in a file lines alone."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

PROGRAM = """
import time
from sightline_training.progress import say, schedule_bar
with schedule_bar(True) as show:
    for part in (0.5, 0.6, 0.75):
        show(part)
        time.sleep(0.15)
    say("step 20")
"""


def test_on_a_terminal_a_bar_tells_how_much_is_done_and_what_is_left() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    subprocess.run([sys.executable, "-c", PROGRAM], stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the end of a pseudo-terminal that nobody holds any more
            break
    os.close(ours)
    text = seen.decode()
    assert " 50% |" in text and " 75% |" in text
    assert "left" in text and "step 20" in text


def test_into_a_file_go_lines_alone() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.endswith(" step 20\n") and done.stdout.count("\n") == 1
