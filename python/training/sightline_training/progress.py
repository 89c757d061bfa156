"""What a person sees of work that takes long: lines with the time, and on a terminal a bar of the whole below them."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


def say(line: str) -> None:
    """Prints a line with the time; it goes above a bar that is shown."""
    tqdm.write(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stdout)
    sys.stdout.flush()


@contextmanager
def schedule_bar(is_shown: bool) -> Iterator[Callable[[float], None]]:
    """Yields what takes the part of a schedule that is done, 0 to 1. Nothing is drawn where stderr is no terminal."""
    form = "{percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left"
    with tqdm(total=1.0, bar_format=form, disable=None if is_shown else True, leave=False) as bar:

        def show(done: float) -> None:
            if bar.n == 0:
                # What an earlier process did says nothing of this one's speed.
                bar.initial = bar.n = bar.last_print_n = done
                bar.refresh()
            bar.update(min(done, 1.0) - bar.n)

        yield show
