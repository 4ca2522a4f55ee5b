"""The rules for one supervisor: state x stimulus, and what a square is.

One rule makes it private: **every change of who hears a supervisor goes through silence**. From
whisper to barge the supervisor is muted, then un-aimed, then un-muted; no state leads from one
voice to another, and whoever is set apart is muted before anything else. And whatever is doubtful
leads to `SILENCING`, where the supervisor is reported as audible until the mute has been read back.

The same rules as for transfers hold (`workflows/machine/table.py`): facts have no default, requests
are rejected unless written, an ignored fact says why, each live state has a deadline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workflows.machine.supervision.commands import (
    AddSupervisor,
    AskOwners,
    Barge,
    BookSupervisor,
    EndSupervisor,
    ForSupervisor,
    ReadSupervised,
    ReleaseAgent,
    SetApart,
    Silence,
    TellHolder,
    TellKept,
    TellTaken,
    TellTransfer,
    TellTransferTaken,
    Whisper,
)
from workflows.machine.supervision.model import TERMINAL, State
from workflows.machine.supervision.stimuli import FACTS, On
from workflows.machine.table import Verdict

Step = type[ForSupervisor]

COACH_TARGET_UNAVAILABLE = "coach_target_unavailable"
AGENT_IS_COACHED = "agent_is_coached"
TAKEN_BY_ANOTHER = "taken_by_another"


@dataclass(frozen=True)
class Cell:
    """One square."""

    verdict: Verdict
    to: State | None = None
    commands: tuple[Step, ...] = ()
    why: str = ""


Row = Mapping[On, Cell]


def go(to: State, *commands: Step) -> Cell:
    """Change to `to` and begin `commands`, one after the other."""
    return Cell(Verdict.GO, to, commands)


def stay(*commands: Step) -> Cell:
    """Keep the state and begin `commands`."""
    return Cell(Verdict.STAY, None, commands)


def ignore(why: str) -> Cell:
    """Do nothing at all."""
    return Cell(Verdict.IGNORE, why=why)


def reject(why: str) -> Cell:
    """Refuse a request."""
    return Cell(Verdict.REJECT, why=why)


def _ignored(why: str, *stimuli: On) -> Row:
    return dict.fromkeys(stimuli, ignore(why))


def row(*fragments: Row, own: Row) -> dict[On, Cell]:
    """One state's squares: fragments that may not overlap, and the state's own, which win."""
    squares: dict[On, Cell] = {}
    for fragment in fragments:
        if twice := squares.keys() & fragment.keys():
            raise ValueError(f"two fragments write the same squares: {sorted(twice)}")
        squares.update(fragment)
    return {**squares, **own}


# --- what several states share ------------------------------------------------------------------

_SILENCE = go(State.SILENCING, Silence)
_LEAVE = go(State.LEAVING, EndSupervisor)
_PART = go(State.PARTING, SetApart)

IN_THE_ROOM: Row = {
    On.GONE: go(State.LEFT),
    On.ROOM_ENDED: _LEAVE,
    On.MACHINE: _LEAVE,
    On.LEAVE: _LEAVE,
    **_ignored("the leg is in the room", On.NOT_REACHED, On.DIAL_DOUBTFUL, On.RING_OVER),
    **_ignored("said before", On.DIALED, On.ANSWERED, On.ANSWERED_IN_CONSULT),
    **_ignored("no leg is being ended", On.ENDED, On.NOT_ENDED),
}
"""The leg is there, and may go."""

NO_MUTE: Row = _ignored(
    "no mute is under way",
    On.SILENT,
    On.SILENT_TO_WHISPER,
    On.SILENT_TO_BARGE,
    On.SILENT_TO_PART,
    On.NOT_SILENT,
)
NO_VOICE: Row = _ignored(
    "no voice is being given; what had been given is muted again by what is under way",
    On.HEARD_BY_AGENT,
    On.HEARD_BY_ALL,
    On.HEARD_TO_TAKE_OVER,
    On.NOT_HEARD,
    On.VOICE_DOUBTFUL,
)
NO_PARTING: Row = _ignored("no hold is under way", On.SET_APART, On.NOT_SET_APART)
NO_RELEASE: Row = _ignored(
    "no agent is being released",
    On.CALLER_IS_FREE,
    On.CALLER_IS_THEIRS,
    On.TRANSFER_FOUND,
    On.AGENT_RELEASED,
    On.AGENT_KEPT,
    On.RELEASE_DOUBTFUL,
)
NO_DOUBT: Row = _ignored("nobody is kept apart by a word", On.CONSULT_DOUBTFUL)
NOT_READ: Row = _ignored("a change is under way; its own look decides", On.FOUND_MUTED)
NO_WHISPER: Row = _ignored("nobody is whispered to", On.AGENT_LOST)
NO_WAIT: Row = _ignored("no whisper waits for an agent", On.AGENT_FOUND)

OUTCOMES: tuple[Row, ...] = (NO_MUTE, NO_VOICE, NO_PARTING, NO_RELEASE)
"""Outcomes of what is not under way."""


def asks(cell: Cell) -> Row:
    """The three modes, with the same answer."""
    return {On.MONITOR: cell, On.WHISPER: cell, On.BARGE: cell}


IMPOSSIBLE: Row = {
    On.WHISPER_TO_NOBODY: reject(COACH_TARGET_UNAVAILABLE),
    On.WHISPER_TO_COACHED: reject(AGENT_IS_COACHED),
    On.TAKE_OVER_BY_TWO: reject(TAKEN_BY_ANOTHER),
}
"""Requests that others make impossible, whatever the supervisor's own state."""

# --- the states ---------------------------------------------------------------------------------

_NOT_YET: Row = _ignored(
    "the leg is not in the room",
    On.FOUND_MUTED,
    On.FOUND_AUDIBLE,
    On.AGENT_LOST,
    On.AGENT_FOUND,
    On.CONSULT_BEGAN,
    On.CONSULT_OVER,
)

_DIALING = row(
    NO_DOUBT,
    *OUTCOMES,
    _NOT_YET,
    IMPOSSIBLE,
    asks(stay()),
    own={
        On.DIALED: stay(),
        On.ANSWERED: go(State.SILENCING, Silence, TellTransfer),
        On.ANSWERED_IN_CONSULT: go(State.PARTING, SetApart, TellTransfer),
        On.NOT_REACHED: go(State.LEFT),
        On.DIAL_DOUBTFUL: _LEAVE,
        On.MACHINE: _LEAVE,
        On.RING_OVER: _LEAVE,
        On.GONE: go(State.LEFT),
        On.ENDED: ignore("no leg is being ended"),
        On.NOT_ENDED: ignore("no leg is being ended"),
        On.ROOM_ENDED: _LEAVE,
        On.DEADLINE: stay(ReadSupervised),
        On.LEAVE: _LEAVE,
        On.TAKE_OVER: reject("the supervisor has not answered yet"),
    },
)

_SILENCING = row(
    NO_DOUBT,
    IN_THE_ROOM,
    NO_VOICE,
    NO_PARTING,
    NO_RELEASE,
    IMPOSSIBLE,
    asks(stay()),
    _ignored(
        "what follows is decided when the mute is proven",
        On.FOUND_MUTED,
        On.FOUND_AUDIBLE,
        On.AGENT_LOST,
        On.AGENT_FOUND,
        On.CONSULT_OVER,
    ),
    own={
        On.SILENT: go(State.LISTENING),
        On.SILENT_TO_WHISPER: go(State.OPENING, Whisper),
        On.SILENT_TO_BARGE: go(State.OPENING, Barge),
        On.SILENT_TO_PART: _PART,
        On.CONSULT_BEGAN: _PART,
        On.NOT_SILENT: stay(Silence),
        On.DEADLINE: _LEAVE,
        On.TAKE_OVER: stay(),
    },
)

_LISTENING = row(
    NO_DOUBT,
    IN_THE_ROOM,
    *OUTCOMES,
    IMPOSSIBLE,
    _ignored("as it should be", On.FOUND_MUTED),
    NO_WHISPER,
    own={
        On.FOUND_AUDIBLE: _SILENCE,
        On.AGENT_FOUND: go(State.OPENING, Whisper),
        On.CONSULT_BEGAN: _PART,
        On.CONSULT_OVER: ignore("the supervisor is not apart"),
        On.DEADLINE: stay(ReadSupervised),
        On.MONITOR: stay(),
        On.WHISPER: go(State.OPENING, Whisper),
        On.BARGE: go(State.OPENING, Barge),
        On.TAKE_OVER: go(State.OPENING, Barge),
    },
)

_THROUGH_SILENCE: Row = {**asks(_SILENCE), On.TAKE_OVER: _SILENCE}
"""No voice leads to another one but through silence."""

_OPENING = row(
    NO_DOUBT,
    IN_THE_ROOM,
    NO_MUTE,
    NO_PARTING,
    NO_RELEASE,
    NOT_READ,
    NO_WAIT,
    IMPOSSIBLE,
    _THROUGH_SILENCE,
    own={
        On.HEARD_BY_AGENT: go(State.WHISPERING),
        On.HEARD_BY_ALL: go(State.BARGING),
        On.HEARD_TO_TAKE_OVER: go(State.TAKING_OVER, AskOwners),
        On.NOT_HEARD: _SILENCE,
        On.VOICE_DOUBTFUL: _SILENCE,
        On.FOUND_AUDIBLE: ignore("a voice is being given; its own look decides"),
        On.AGENT_LOST: _SILENCE,
        On.CONSULT_BEGAN: _PART,
        On.CONSULT_OVER: ignore("the supervisor is not apart"),
        On.DEADLINE: _SILENCE,
    },
)

_WHISPERING = row(
    NO_DOUBT,
    IN_THE_ROOM,
    *OUTCOMES,
    NO_WAIT,
    IMPOSSIBLE,
    _THROUGH_SILENCE,
    own={
        On.FOUND_MUTED: go(State.LISTENING),
        On.FOUND_AUDIBLE: _SILENCE,
        On.AGENT_LOST: _SILENCE,
        On.CONSULT_BEGAN: _PART,
        On.CONSULT_OVER: ignore("the supervisor is not apart"),
        On.DEADLINE: stay(ReadSupervised),
    },
)

_BARGING = row(
    NO_DOUBT,
    IN_THE_ROOM,
    *OUTCOMES,
    NO_WAIT,
    IMPOSSIBLE,
    asks(_SILENCE),
    own={
        On.FOUND_MUTED: go(State.LISTENING),
        On.FOUND_AUDIBLE: ignore("everybody may hear the supervisor"),
        On.AGENT_LOST: ignore("nobody is whispered to"),
        On.CONSULT_BEGAN: _PART,
        On.CONSULT_OVER: ignore("the supervisor is not apart"),
        On.DEADLINE: stay(ReadSupervised),
        On.TAKE_OVER: go(State.TAKING_OVER, AskOwners),
    },
)

_TOO_LATE = reject("the supervisor is taking the call over")

_TAKING_OVER = row(
    NO_DOUBT,
    IN_THE_ROOM,
    NO_MUTE,
    NO_VOICE,
    NO_PARTING,
    NO_WAIT,
    asks(_TOO_LATE),
    own={
        On.CALLER_IS_FREE: stay(TellTaken, ReleaseAgent),
        On.CALLER_IS_THEIRS: go(State.BARGING),
        On.TRANSFER_FOUND: stay(TellTransferTaken),
        On.AGENT_RELEASED: go(State.TOOK_OVER, TellHolder, BookSupervisor),
        On.AGENT_KEPT: go(State.BARGING, TellKept),
        On.RELEASE_DOUBTFUL: stay(ReleaseAgent),
        On.FOUND_MUTED: ignore("the look before the removal decides"),
        On.FOUND_AUDIBLE: ignore("everybody may hear the supervisor"),
        On.AGENT_LOST: ignore("the removal will find the agent gone, which is as well"),
        On.CONSULT_BEGAN: ignore("the look before the removal decides"),
        On.CONSULT_OVER: ignore("the look before the removal decides"),
        On.DEADLINE: go(State.BARGING, TellKept),
        On.TAKE_OVER: _TOO_LATE,
        On.LEAVE: _TOO_LATE,
    },
)

_PARTING = row(
    NO_DOUBT,
    IN_THE_ROOM,
    NO_MUTE,
    NO_VOICE,
    NO_RELEASE,
    NOT_READ,
    NO_WHISPER,
    NO_WAIT,
    IMPOSSIBLE,
    asks(stay()),
    own={
        On.SET_APART: go(State.APART),
        On.NOT_SET_APART: stay(SetApart),
        On.FOUND_AUDIBLE: ignore("the supervisor is being muted and held"),
        On.CONSULT_BEGAN: ignore("that is why"),
        On.CONSULT_OVER: _SILENCE,
        On.DEADLINE: _LEAVE,
        On.TAKE_OVER: reject("agent and target are consulting"),
    },
)

_APART = row(
    IN_THE_ROOM,
    *OUTCOMES,
    NO_WHISPER,
    NO_WAIT,
    IMPOSSIBLE,
    asks(stay()),
    own={
        On.FOUND_MUTED: ignore("as it should be"),
        On.FOUND_AUDIBLE: _PART,
        On.CONSULT_BEGAN: ignore("that is why"),
        On.CONSULT_OVER: _SILENCE,
        On.CONSULT_DOUBTFUL: stay(TellTransfer),
        On.DEADLINE: stay(ReadSupervised),
        On.TAKE_OVER: reject("agent and target are consulting"),
    },
)

_LEAVING = row(
    own={
        **dict.fromkeys(FACTS, ignore("the leg is being ended")),
        On.ENDED: go(State.LEFT),
        On.NOT_REACHED: go(State.LEFT),
        On.GONE: go(State.LEFT),
        On.NOT_ENDED: stay(EndSupervisor),
        On.DEADLINE: go(State.LEFT),
    },
)

ROWS: Mapping[State, Row] = {
    State.DIALING: _DIALING,
    State.SILENCING: _SILENCING,
    State.LISTENING: _LISTENING,
    State.OPENING: _OPENING,
    State.WHISPERING: _WHISPERING,
    State.BARGING: _BARGING,
    State.TAKING_OVER: _TAKING_OVER,
    State.PARTING: _PARTING,
    State.APART: _APART,
    State.LEAVING: _LEAVING,
}

DEADLINES: Mapping[State, float] = {
    State.DIALING: 5.0,
    State.SILENCING: 60.0,
    State.LISTENING: 10.0,
    State.OPENING: 30.0,
    State.WHISPERING: 5.0,
    State.BARGING: 10.0,
    State.TAKING_OVER: 60.0,
    State.PARTING: 60.0,
    State.APART: 5.0,
    State.LEAVING: 3600.0,
}
"""Seconds. Where somebody is heard or waited for, the room is read again every five: callbacks are
hints, and a whisper whose agent has gone unnoticed is the worst that can happen here. A leg
that is to end is not given up before an outage of Twilio is over: it would stay, and hear all."""

STAYING_SECONDS = 5.0
"""How often the room is read for a supervisor who is to stay beside the caller, whatever the state.
A transfer tells when a consult begins; this is for a room in which somebody else holds people."""

PEOPLE_SECONDS, NEW_SECONDS = 1.0, 30.0
"""How often a supervisor who is to whisper looks who the agent is, and for how long: on a call that
has only just begun its owner may not know yet whom TaskRouter brought together."""

FIRST: tuple[Step, ...] = (AddSupervisor, TellTransfer)
"""What a supervisor begins with, in `DIALING`."""


def cell(state: State, stimulus: On) -> Cell:
    """The square for `stimulus` in `state`; unwritten requests are rejected."""
    if state in TERMINAL:
        return reject("this supervisor is not on the call any more")
    found = ROWS[state].get(stimulus)
    return found or reject(f"this makes no sense while {state.replace('_', ' ')}")


def problems(rows: Mapping[State, Row] = ROWS) -> Iterator[str]:
    """What is missing or wrong in the table, in words."""
    for state in set(State) - TERMINAL - rows.keys():
        yield f"{state} has no row"
    for state, squares in rows.items():
        if unwritten := FACTS - squares.keys():
            yield f"{state} does not say what to do on {', '.join(sorted(unwritten))}"
        if state not in DEADLINES:
            yield f"{state} has no deadline"
        for stimulus, square in squares.items():
            if square.verdict is Verdict.IGNORE and not square.why:
                yield f"{state} ignores {stimulus} without saying why"
            if square.verdict is Verdict.REJECT and stimulus in FACTS:
                yield f"{state} rejects the fact {stimulus}: facts cannot be refused"


if _found := tuple(problems()):
    raise ValueError("the table of supervisors is not whole: " + "; ".join(_found))
