"""The lines as a value: phones' legs, the room, the tape, and the commands that are under way."""

from __future__ import annotations

from typing import NamedTuple

from tests.machine.tape import Tape
from workflows.machine.events import RecordingsReading, RoomReading

ROOM = "CFroom"
CALLER, AGENT = 0, 1
"""Where the lines of these two stand; legs that are dialled follow in the order of the dials."""

LOOSE_ENDS = frozenset({"ringing", "asked", "in", "out"})
"""Ways of being alive: ringing; picked up and asked to take the call; in the room; out of it."""


class Line(NamedTuple):
    """One phone's leg in the network."""

    name: str
    label: str = ""
    status: str = "in"
    """ringing, asked, in, out, diverted, gone"""
    held: bool = False
    exit_flag: bool = False
    was: frozenset[str] = frozenset()
    """What was once true and may be reported: rang, answered, accepted, refused, joined, ended."""
    cause: str = ""

    @property
    def sid(self) -> str:
        return f"CA{self.name}"

    @property
    def is_live(self) -> bool:
        return self.status != "gone"

    @property
    def is_heard(self) -> bool:
        return self.status == "in" and not self.held


class Job(NamedTuple):
    """One command on its way: begun, in effect, told."""

    command: str
    key: str
    party: str
    waits_for: tuple[str, ...]
    label: str
    """The leg that was meant when the command was begun; its SID where nothing else is known."""
    result: str = ""
    """Empty until it took effect: ok, unmet, gone, refused or unavailable."""
    reading: RoomReading | None = None
    recordings: RecordingsReading | None = None


class Lines(NamedTuple):
    """The whole network, and what is under way at it."""

    lines: tuple[Line, ...]
    room: bool = True
    jobs: tuple[Job, ...] = ()
    talked: frozenset[str] = frozenset()
    """Labels of the targets who have talked with the caller."""
    troubles: tuple[str, ...] = ()
    """The commands that failed although nothing was wrong with what they asked."""
    tape: Tape = Tape()
    alive: frozenset[str] = frozenset()
    """The other workflows of the call that live: transfer, hold, call."""

    @property
    def caller(self) -> Line:
        return self.lines[CALLER]

    @property
    def agent(self) -> Line:
        return self.lines[AGENT]

    def by_label(self, label: str) -> int:
        """Where the line with `label`, or with that SID, stands, -1 if there is none. Of several
        workers who were rung for one task it is the last."""
        places = reversed(range(len(self.lines)))
        return next(
            (at for at in places if label in (self.lines[at].label, self.lines[at].sid)), -1
        )

    def dialled(self) -> tuple[Line, ...]:
        """The legs that the transfer made."""
        return self.lines[AGENT + 1 :]
