"""Flow step -> the moment at which a fault is put in, and the story that it is put into.

`asks` are the step's own requests to Twilio. A step without any has a moment, and a fault of
requests lies in wait there for whatever is asked next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.matrix import stories
from tests.matrix.moments import Asked, Begins, Enters, Moment, Rings
from tests.matrix.story import Story


@dataclass(frozen=True)
class Step:
    """One step of a flow. `about`: whose leg its request is about."""

    story: Story
    at: Moment
    asks: Asked | None = None
    about: str = "caller"
    waits: str = ""
    """The state in which this step waits for news from Twilio, and looks if none comes."""


def _asks(story: Story, asks: Asked, about: str = "caller") -> Step:
    return Step(story, asks, asks, about)


_START = Begins()
_ROOM_READ = Asked("participants.list")
_FLAGS_OFF = Asked("participants.update", "EndConferenceOnExit=false")
_HOLD = Asked("participants.update", "Hold=true")
_DIAL = Asked("participants.create", "Label=-t1")
_REMOVAL = Asked("participants.delete")
_RECALL = Asked("participants.create", "Label=-r1")
_OFF_HOLD = Asked("participants.update", "Hold=false")
_TASK = Asked("tasks.create")
_TASK_END = Asked("tasks.update", "AssignmentStatus=completed")
_OFF_HOLD_AGAIN = Asked("participants.update", "Hold=false", state="resuming")
"""Not the one that goes with an exit flag of the caller's before the hold."""
_RESUMING = Asked("*", state="resuming")
_NEXT = Asked("*", state="handing_over")
_SUPERVISOR = Asked("participants.create", "Label=-v1")

STEPS: dict[str, Step] = {
    # Cold: the agent goes as soon as the target's phone rings.
    "C0": Step(stories.COLD, _START),
    "C1": _asks(stories.COLD, _ROOM_READ),
    "C2": _asks(stories.COLD, _FLAGS_OFF, "agent"),
    "C3": _asks(stories.COLD, _HOLD),
    "C4": _asks(stories.COLD, _DIAL, "target"),
    "C5": _asks(stories.COLD, _REMOVAL, "agent"),
    "C6": Step(stories.COLD, Rings("target", 2.0), about="target", waits="awaiting"),
    "C7": _asks(stories.COLD, _OFF_HOLD),
    "C8": Step(stories.COLD, Enters("settling", 0.5), about="target"),
    "CR": _asks(stories.RECALL, _RECALL, "agent"),
    # Warm: the agent talks to the target and completes, or (WX) takes the caller back.
    "W0": Step(stories.WARM, _START),
    "W1": _asks(stories.WARM, _ROOM_READ),
    "W2": _asks(stories.WARM, _FLAGS_OFF, "agent"),
    "W3": _asks(stories.WARM, _HOLD),
    "W4": _asks(stories.WARM, _DIAL, "target"),
    "W5": Step(stories.WARM, Rings("target", 2.0), about="target", waits="dialing"),
    "W6": Step(stories.WARM, Enters("consulting", 1.0), _NEXT, "target"),
    "W7": Step(stories.WARM, Enters("consulting", stories.CONSULT_SECONDS + 0.002), _NEXT),
    "W8": _asks(stories.WARM, _OFF_HOLD),
    "W9": _asks(stories.WARM, Asked("participants.list", state="leaving")),
    "W10": _asks(stories.WARM, _REMOVAL, "agent"),
    "W11": Step(stories.WARM, Enters("settling", 0.5), about="target"),
    "WX": _asks(stories.TAKEN_BACK, _OFF_HOLD),
    # Queues: cold, or warm where the step is about whoever waits for the worker; QX: taken back.
    "Q0": Step(stories.QUEUE_COLD, _START),
    "Q1": _asks(stories.QUEUE_COLD, _ROOM_READ),
    "Q2": _asks(stories.QUEUE_COLD, _HOLD),
    "Q3": _asks(stories.QUEUE_COLD, _TASK, "target"),
    "Q4": _asks(stories.QUEUE_COLD, _REMOVAL, "agent"),
    "Q5": _asks(stories.QUEUE_WARM, Asked("statistics.fetch", state="dialing")),
    "Q6": Step(stories.QUEUE_WARM, replace(_TASK, plus=0.02), about="target"),
    "Q7": Step(stories.QUEUE_WARM, Rings("target", 1.0), about="target", waits="screening"),
    "Q8": Step(stories.QUEUE_WARM, Enters("consulting", 1.0), _NEXT, "target"),
    "Q9": _asks(stories.QUEUE_WARM, _OFF_HOLD),
    "Q10": _asks(stories.QUEUE_WARM, _TASK_END, "agent"),
    "Q11": Step(stories.QUEUE_COLD, Enters("settling", 0.5), about="target"),
    "QX": _asks(stories.QUEUE_TAKEN_BACK, _OFF_HOLD),
    # Hold: the agent puts the caller on hold and resumes.
    "H0": Step(stories.HOLD, _START),
    "H1": _asks(stories.HOLD, _HOLD),
    "H2": Step(stories.HOLD, Enters("held", 1.0), _RESUMING),
    "H3": _asks(stories.HOLD, _OFF_HOLD_AGAIN),
    "H4": _asks(stories.HOLD, Asked("participants.list", state="resuming")),
    # Supervision: a supervisor listens, whispers, and leaves.
    "S0": Step(stories.WHISPER, _START, about="supervisor"),
    "S1": _asks(stories.WHISPER, _SUPERVISOR, "supervisor"),
    "S2": Step(stories.WHISPER, Rings("supervisor", 1.0), about="supervisor", waits="v1 dialing"),
    "S3": _asks(stories.WHISPER, Asked("participants.update", "Coaching=true"), "supervisor"),
    "S4": _asks(stories.WHISPER, Asked("calls.update", "Status=completed"), "supervisor"),
}

_SPEAKS = Asked("participants.update", "Muted=false")
_MUTED = Asked("participants.update", "Muted=true", state="v1 silencing", k=2)
"""The first one proves the silence in which a supervisor comes."""
FURTHER: dict[str, tuple[Step, ...]] = {
    "S3": (
        _asks(stories.WHISPER, _SPEAKS, "supervisor"),
        _asks(stories.BARGE, _MUTED, "supervisor"),
        _asks(stories.BARGE, replace(_SPEAKS, k=2), "supervisor"),
        _asks(stories.HUSH, _MUTED, "supervisor"),
        _asks(stories.HUSH, replace(_SPEAKS, k=2), "supervisor"),
    ),
}
"""Further moments of a step that consists of several requests: faults of requests and processes,
and people who leave, meet each of them."""
