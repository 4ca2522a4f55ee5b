"""Time as the network knows it: a number, and a heap of what is to happen.

Nothing here reads a wall clock. Whoever drives the network turns this clock: the HTTP face to the
time of day, a test or a simulation to whatever moment it likes.
"""

import heapq
from collections.abc import Callable


class Timer:
    """Something that will happen; `cancel` makes it not happen."""

    __slots__ = ("at", "callback")

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """An event heap. Entries at the same moment run in the order in which they were made."""

    def __init__(self, start: float = 0.0) -> None:
        self.now = start
        self.ran = 0
        """How many entries have run."""
        self._heap: list[tuple[float, int, Timer]] = []
        self._made = 0

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(self.now + max(0.0, seconds), callback)
        self._made += 1
        heapq.heappush(self._heap, (timer.at, self._made, timer))
        return timer

    def call_soon(self, callback: Callable[[], None]) -> Timer:
        return self.call_later(0.0, callback)

    def next_at(self) -> float | None:
        """The moment of the next live entry, or None when nothing is planned."""
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def turn_to(self, moment: float) -> None:
        """Run everything due up to `moment`, each entry at its own time, then stand at `moment`.

        A clock that would be turned back stays where it is: a wall clock may jump.
        """
        while (at := self.next_at()) is not None and at <= moment:
            timer = heapq.heappop(self._heap)[2]
            self.now = max(self.now, at)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self.ran += 1
                callback()
        self.now = max(self.now, moment)

    def advance(self, seconds: float) -> None:
        self.turn_to(self.now + seconds)

    def run_due(self) -> None:
        self.turn_to(self.now)
