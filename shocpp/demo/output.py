"""The output of the demo: only its main thread prints, other threads put lines into a queue."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic

from shocpp.demo.clock import Clock


class Output:
    """A queue of lines from any thread, printed by `pause`."""

    clock: Clock

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line
        self._lines: SimpleQueue[str] = SimpleQueue()

    def frame(self, direction: str, _frame: str, words: str) -> None:
        """Queue a line for a frame, with its description."""
        self._lines.put(f"{self._time}  {direction}   {words}")

    def event(self, sentence: str) -> None:
        """Queue a line for an event other than a frame."""
        self._lines.put(f"\n{self._time}  {sentence}")

    def print(self, *lines: str) -> None:
        """Print all queued lines, then these, which have no time."""
        self.pause(0)
        for line in lines:
            self._print_line(line)

    def pause(self, seconds: float) -> None:
        """Print queued lines as they come, for this time."""
        deadline = monotonic() + seconds
        with suppress(Empty):
            while True:
                self._print_line(self._lines.get(timeout=max(deadline - monotonic(), 0)))

    @property
    def _time(self) -> str:
        return f"{self.clock.now():%H:%M}"
