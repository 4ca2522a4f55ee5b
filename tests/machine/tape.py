"""What records the room on the lines."""

from __future__ import annotations

from typing import NamedTuple

from workflows.machine.events import RecordingsReading

RECORDING = "RErecording"
HOLDS = frozenset({"SecureCaller", "HoldCaller"})
"""Commands that pause the tape first, by policy."""
ABOUT_TAPE = frozenset({"ReadRecordings", "PauseRecordings", "ResumeRecordings"})


class Tape(NamedTuple):
    """There is one recording at most, and nobody here can begin it."""

    status: str = ""
    """Empty: nothing is recorded. Else running or paused."""
    pauses: bool = False
    """Whether the policy pauses it for the consult."""
    is_kept: bool = False
    """A person has had it paused, and nobody has asked for it since."""
    is_wanted: bool = False
    """A person has asked for it, and nobody for the pause since."""

    @property
    def reading(self) -> RecordingsReading:
        """As it is told to somebody who asks."""
        sids = (RECORDING,) if self.status else ()
        if self.status == "running":
            return RecordingsReading(running=sids)
        return RecordingsReading(paused=sids)


NO_TAPE = Tape()
RECORDED = Tape("running", pauses=True)
KEPT = Tape("paused", pauses=True, is_kept=True)
