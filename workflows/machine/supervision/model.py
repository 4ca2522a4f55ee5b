"""What is true now: the supervisors of one call, whom they may be heard by, and who asked for help.

Nothing here changes in place and nothing here reads a clock. Moments are seconds since the epoch,
durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from workflows.machine.copies import replace
from workflows.machine.model import Entry


class Mode(StrEnum):
    """What a supervisor wants to be."""

    MONITOR = "monitor"
    """Hears everybody, is heard by nobody."""
    WHISPER = "whisper"
    """Hears everybody, is heard by the agent alone."""
    BARGE = "barge"
    """Talks with everybody."""


class State(StrEnum):
    """Where one supervisor is. Each docstring says who may hear the supervisor."""

    DIALING = "dialing"
    """The phone is being rung. Nobody: the leg comes into the room muted."""

    SILENCING = "silencing"
    """Being muted, and not proven to be. Whoever might have heard the supervisor before."""

    LISTENING = "listening"
    """Muted, and read back. Nobody."""

    OPENING = "opening"
    """Muted and aimed, and then being given a voice. Whoever shall hear the supervisor."""

    WHISPERING = "whispering"
    """The agent alone; read back."""

    BARGING = "barging"
    """Everybody; read back."""

    TAKING_OVER = "taking_over"
    """Everybody. The agent is being removed, after a look that caller and supervisor talk."""

    PARTING = "parting"
    """Being put on hold beside the caller, while agent and target consult. Nobody: muted first."""

    APART = "apart"
    """On hold beside the caller, hears nothing. Nobody."""

    LEAVING = "leaving"
    """The leg is being ended. Whoever heard the supervisor before."""

    TOOK_OVER = "took_over"
    """Over: the supervisor is the agent now."""

    LEFT = "left"
    """Over: the leg has ended, or never came."""


TERMINAL = frozenset({State.TOOK_OVER, State.LEFT})
PRESENT = frozenset(State) - TERMINAL - {State.DIALING, State.LEAVING}
"""States in which the leg is in the room."""
SPEAKING = frozenset({State.OPENING, State.WHISPERING, State.BARGING})


class Phase(StrEnum):
    """What the whole supervision of a call is about."""

    SUPERVISED = "supervised"
    """Somebody supervises, or is on the way."""
    ASKED = "asked"
    """Nobody supervises; the agent has asked for somebody."""
    OVER = "over"
    """Nobody supervises, and nobody is asked for."""


class Follow(StrEnum):
    """What becomes of a whisper when its agent has gone."""

    SAME_MODE = "same_mode"
    """As soon as there is another agent, the supervisor whispers to that one."""
    MONITOR = "monitor"
    """The supervisor stays silent until asking anew."""


class Consult(StrEnum):
    """Where a supervisor is while agent and target consult and the caller is on hold."""

    HEARS = "hears"
    """In the room: hears the consult."""
    STAYS = "stays"
    """On hold beside the caller: hears nothing of the consult."""


class HelpState(StrEnum):
    """What became of an agent's cry for help."""

    OPEN = "open"
    TAKEN = "taken"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


@dataclass(frozen=True)
class SupervisorPolicy:
    """What is decided when a supervisor joins."""

    follow: Follow = Follow.SAME_MODE
    consult: Consult = Consult.HEARS
    is_hidden: bool = False
    """Whether the agent is not shown this supervisor."""


@dataclass(frozen=True)
class Supervisor:
    """One supervisor. Personal only in `address` and `by`, which stay in encrypted payloads."""

    label: str
    """The id, and the label of the leg at Twilio."""
    address: str
    mode: Mode
    """What is wanted; `state` says what is."""
    state: State
    since: float
    dialed_at: float
    by: str = ""
    """Who asked for it: a principal's id."""
    fingerprint: str = ""
    """Hash of the request, to tell its repetition from another one under the same key."""
    policy: SupervisorPolicy = field(default_factory=SupervisorPolicy)
    ring_seconds: float = 25.0
    detect_machine: bool = False
    """Whether Twilio tells a machine that picks up from a person."""
    call_sid: str = ""
    coached: str = ""
    """Call SID of the agent who hears, or is about to hear, the whisper."""
    heard_by_all: bool = False
    """Whether the caller, too, may hear the supervisor, as far as is known: on doubt yes."""
    heard_by_agent: bool = False
    takes_over: bool = False
    """Whether a voice for everybody is the first step of taking the call over."""
    is_asked: bool = False
    """Whether a person waits for the mode: a refusal then ends the wish."""
    refusals: int = 0
    """How often the voice was refused since it was last heard."""
    heard_step: int = 0
    """The step of the last news about the voice: a reading begun before it tells nothing."""
    present_since: float = 0.0
    deadline_at: float | None = None
    reason: str = ""
    """Why the supervisor left, or why the mode is not what was asked for."""
    released: str = ""
    """Call SID of the agent who is being released, or has been."""
    task_sid: str = ""
    """The task of the agent who is being released, with TaskRouter."""
    has_taskrouter: bool = False
    """Whether TaskRouter is to know who is the agent after a take-over."""
    own_task_sid: str = ""
    """The task of a supervisor who took over and is a worker."""

    @property
    def is_live(self) -> bool:
        """Whether a phone may be ringing or connected for this supervision."""
        return self.state not in TERMINAL

    @property
    def is_present(self) -> bool:
        """Whether the leg is in the room, as far as is known."""
        return self.state in PRESENT

    @property
    def name(self) -> str:
        """How the journal calls this supervisor: `v2`."""
        return self.label.rsplit("-", 1)[-1]


@dataclass(frozen=True)
class Help:
    """An agent's cry for help."""

    by: str
    """The agent's address."""
    asked_at: float
    state: HelpState = HelpState.OPEN
    taken_by: str = ""
    """The supervisor's id."""


SUPERVISORS_MAX = 10
"""At once on one call."""
REMEMBERED_MAX = 30
"""Supervisors of one run that are remembered, those who left included."""
HELP_SECONDS_MAX = 600.0
"""How long a cry for help stays open."""
REFUSALS_MAX = 3
"""After as many refusals in a row the supervisor stays silent until asking anew."""


@dataclass(frozen=True)
class Supervision:
    """All that is known of the supervision of one call. A new value per step."""

    conference_sid: str
    part: str
    """This run's own part of the keys of its commands."""
    started_at: float
    caller_call_sid: str = ""
    caller_address: str = ""
    agent: str = ""
    """Call SID of the agent whom a whisper would reach; empty: there is none, or nobody knows."""
    is_consulting: bool = False
    """Whether others talk while the caller is on hold, or may begin to: as a transfer has said, or
    else as the room was last read."""
    is_told: bool = False
    """Whether a transfer has said so, and has not taken it back."""
    told_step: int = 0
    """The step of a transfer's last word: a reading begun before it tells nothing of a consult."""
    has_ended: bool = False
    """Whether the room is over."""
    is_unread: bool = False
    """Whether the room must be read once more, as soon as a look at it is over."""
    supervisors: tuple[Supervisor, ...] = ()
    help: Help | None = None
    taken: tuple[str, ...] = ()
    """Call SIDs of supervisors who have become the agent."""
    count: int = 0
    """How many supervisors have joined in this run."""
    step: int = 0
    pending: tuple[str, ...] = ()
    journal: tuple[Entry, ...] = ()

    @property
    def state(self) -> Phase:
        """What the supervision is about, in one word."""
        if any(each.is_live for each in self.supervisors):
            return Phase.SUPERVISED
        return Phase.ASKED if self.is_help_open else Phase.OVER

    @property
    def is_help_open(self) -> bool:
        """Whether the agent waits for a supervisor."""
        return self.help is not None and self.help.state is HelpState.OPEN

    @property
    def deadline_at(self) -> float | None:
        """The next moment at which something must be looked at or given up."""
        due = [each.deadline_at for each in self.supervisors if each.deadline_at is not None]
        if self.help is not None and self.is_help_open:
            due.append(self.help.asked_at + HELP_SECONDS_MAX)
        return min(due, default=None)

    @property
    def live(self) -> tuple[Supervisor, ...]:
        """The supervisors who are in the room or on the way into or out of it."""
        return tuple(each for each in self.supervisors if each.is_live)

    def find(self, label: str = "", call_sid: str = "") -> Supervisor | None:
        """The supervisor with this label or call SID; an empty argument matches nobody."""
        for each in self.supervisors:
            if (label and each.label == label) or (call_sid and each.call_sid == call_sid):
                return each
        return None

    def having(self, changed: Supervisor) -> Supervision:
        """This supervision with another value of one supervisor."""
        return replace(
            self,
            supervisors=tuple(
                changed if each.label == changed.label else each for each in self.supervisors
            ),
        )
