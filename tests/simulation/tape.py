"""S21: what is recorded, read from the simulated network, and what people said about it."""

from __future__ import annotations

from typing import Any

from simulator.core.recordings import RoomRecording

SETTLE_SECONDS = 6.0
"""A resume that was under way when a person had the recording paused is taken back by then."""


class Tape:
    """The recordings of one call, and the last word of a person."""

    def __init__(self, check: Any) -> None:
        self._check = check
        self._words = 0
        self._resumed_by = 0
        """The number of the last word that wanted the recording."""
        self._open: set[int] = set()
        """Numbers of such words that are not answered yet."""
        self._contested: set[int] = set()
        """Numbers of the words that were said meanwhile: they have no order."""
        self.is_kept = False
        """A person has been told that it is paused, and nobody has asked for it since."""
        self.was_spoken_of = False

    def asked(self, word: str) -> int:
        """A person presses a button; answers the number of the word."""
        self._check.moved()
        self._words += 1
        self.was_spoken_of = True
        if self._open:
            self._contested.add(self._words)
        if word == "resume":
            self._resumed_by = self._words
            self._open.add(self._words)
            self.is_kept = False
        return self._words

    def answered(self, word: str, number: int, answer: Any) -> None:
        """What the person was told."""
        self._check.moved()
        self._open.discard(number)
        is_paused = answer.is_ok and answer.body["state"] == "paused"
        is_last = number > self._resumed_by and number not in self._contested
        if word == "pause" and is_paused and is_last:
            self.is_kept = True
        if word == "pause" and answer.is_ok and answer.body["state"] == "recording":
            self._check.broken("S21", "a pause was answered with: it records")

    def recordings(self) -> list[RoomRecording]:
        """Those of this call's room."""
        made = self._check.stage.network.recorder._made.values()
        sid = self._check.conference_sid()
        return [each for each in made if each.room.sid == sid]

    @property
    def is_running(self) -> bool:
        """Whether anything records the room."""
        return any(each.status == "in-progress" for each in self.recordings())

    @property
    def is_paused(self) -> bool:
        """Whether a recording waits to go on."""
        return any(each.status == "paused" for each in self.recordings())


def recorded_as_allowed(check: Any) -> None:
    """S21: the consult is not recorded, a person's pause is kept, and there is one recording."""
    if check.story.recording == "none":
        return
    tape, truth = check.tape, check.truth
    if len(tape.recordings()) > 1:
        check.broken("S21", "a second recording was begun")
    check.lasting("S21", "kept", tape.is_kept and tape.is_running, SETTLE_SECONDS,
                  "what a person had paused is recorded")  # fmt: skip
    agent, caller = check.agent_leg(), truth.caller
    is_apart = caller is not None and caller.is_joined and caller.is_held
    if not tape.is_running or not is_apart or agent is None:
        return
    consults = [leg for leg in truth.ours() if (leg.call.sid, agent.call.sid) in truth.talks]
    if consults and check.story.recording == "conversation":
        check.broken("S21", "the consult is recorded")


def recorded_again(check: Any) -> None:
    """S21: after a quiet transfer the call is recorded, unless a person had it paused. Where the
    transfer was ended by force nobody knows who had, and it stays as it is (decision 8)."""
    tape = check.tape
    is_quiet = not check.faults and not tape.was_spoken_of and not check.was_terminated
    is_due = check.story.recording != "none" and is_quiet and check.truth.caller_talks()
    if is_due and tape.is_paused:
        check.broken("S21", "the recording was not resumed")
