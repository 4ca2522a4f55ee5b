"""What is true now: the people, their legs, and one transfer as a value.

Nothing here changes in place and nothing here reads a clock. Moments are seconds since the epoch,
durations are seconds, both as `float`, and both come in with the events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from workflows.machine.copies import replace
from workflows.machine.words import Accept as Accept
from workflows.machine.words import Cause as Cause
from workflows.machine.words import HoldLimit as HoldLimit
from workflows.machine.words import Presence as Presence
from workflows.machine.words import Reason as Reason
from workflows.machine.words import ReleaseAgent as ReleaseAgent


class Party(StrEnum):
    """Who a leg belongs to."""

    CALLER = "caller"
    AGENT = "agent"
    TARGET = "target"


class Kind(StrEnum):
    """Which table is run."""

    WARM = "warm"
    COLD = "cold"
    INBOUND = "inbound"
    ROUTED = "routed"
    """A call that TaskRouter set up, or that has lost its first owner: it is only watched."""
    HOLD = "hold"
    """An agent's own hold of a caller: nobody is rung."""


class State(StrEnum):
    """Where everybody is. Each docstring answers for caller, agent and target, in that order.

    How a state is reached and left is not told here: it is drawn from the tables
    (`docs/state-machine.md`).
    """

    HOLDING = "holding"
    """Caller: with the agent, about to be held. Agent: with the caller. Target: not dialled."""

    DIALING = "dialing"
    """Caller: on hold. Agent: hears the target's phone ring. Target: being rung."""

    SCREENING = "screening"
    """Caller: on hold. Agent: waits. Target: picked up, not yet known to be a willing person."""

    CONSULTING = "consulting"
    """Caller: on hold. Agent: talks to the target in private. Target: talks to the agent."""

    SWAPPING_BACK = "swapping_back"
    """Caller: on hold, about to be with the agent. Agent: waits. Target: being put on hold."""

    REVISITING = "revisiting"
    """Caller: with the agent. Agent: with the caller. Target: on hold, waits for the agent."""

    SWAPPING_FORTH = "swapping_forth"
    """Caller: being put on hold. Agent: waits. Target: on hold, about to be with the agent."""

    DIALING_ASIDE = "dialing_aside"
    """Caller: with the agent again. Agent: with the caller. Target: still being rung."""

    JOINING = "joining"
    """Caller: being taken off hold. Agent: talks to the target. Target: talks to the agent."""

    CONFERRING = "conferring"
    """Caller, agent and target all talk."""

    HANDING_OVER = "handing_over"
    """Caller: being taken off hold. Agent: still there. Target: there, about to meet the caller."""

    LEAVING = "leaving"
    """Caller: with the target. Agent: being removed. Target: with the caller."""

    DOUBTING = "doubting"
    """Caller: alone, on hold or off. Agent: being removed, it is not known whether in time. Target:
    gone."""

    AWAITING = "awaiting"
    """Caller: on hold. Agent: gone or leaving. Target: being rung for the caller alone."""

    VETTING = "vetting"
    """Caller: on hold. Agent: gone or leaving. Target: picked up, not yet known to be willing."""

    CONNECTING = "connecting"
    """Caller: being taken off hold. Agent: gone. Target: there, about to meet the caller."""

    SETTLING = "settling"
    """Caller: with the target. Agent: gone. Target: there; the first seconds are watched."""

    DROPPING = "dropping"
    """Caller: on hold. Agent: there. Target: did not come, its leg is being ended."""

    FORGOING = "forgoing"
    """Caller: on hold, or in the waiting music of a new call. Agent: gone or leaving. Target: did
    not come, its leg is being ended."""

    CANCELLING = "cancelling"
    """Caller: being given back to the agent. Agent: there. Target: its leg is being ended. The
    agent asked for it."""

    RETURNING = "returning"
    """Caller: being given back to the agent. Agent: there. Target: gone, or its leg is being ended.
    The transfer failed."""

    RECALLING = "recalling"
    """Caller: on hold or alone. Agent: gone, being rung to take the caller back. Target: gone."""

    DIVERTING = "diverting"
    """Caller: being sent to the apology and the mailbox. Agent: gone. Target: gone."""

    RELEASING = "releasing"
    """Caller: gone. Agent and target: their legs are being ended."""

    TALKING = "talking"
    """Caller: with the agent who took the call. Agent: with the caller. No transfer runs here;
    the call's own workflow only watches that nobody is left alone."""

    CHECKING = "checking"
    """Somebody left a call between two transfers; Twilio is being asked who is still there."""

    HELD = "held"
    """Caller: on hold, as the agent asked. Agent: hears nobody. Nobody else is looked for."""

    REMINDED = "reminded"
    """Caller: on hold, soon for too long. Agent: was told so. Target: none."""

    ASKING = "asking"
    """Caller: on hold, or alone. Before anything is done for the caller, it is asked whether
    another workflow looks after them."""

    YIELDING = "yielding"
    """Caller: looked after by a transfer, which has not yet said that it took the hold over."""

    RESUMING = "resuming"
    """Caller: being taken off hold. Agent: there. Target: none."""

    COMPLETED = "completed"
    """Over. Caller and target were left talking, without the agent."""

    CANCELLED = "cancelled"
    """Over. The agent took the transfer back and talks with the caller."""

    FAILED = "failed"
    """Over. The transfer came to nothing; the caller is with the agent, or nobody could be had."""

    ABANDONED = "abandoned"
    """Over. The caller hung up before the transfer ended; no leg of ours is left."""

    ENDED = "ended"
    """Over. The call itself has ended, outside any transfer."""

    DIVERTED = "diverted"
    """Over. Nobody could be had: the caller was told so and may leave a message."""

    RESUMED = "resumed"
    """Over. The caller is off hold and with the agent."""

    TAKEN_OVER = "taken_over"
    """Over. A transfer looks after the caller now; this hold did not touch them again."""


DECIDED_BY_PEOPLE = frozenset(
    {
        Reason.CANCELLED_BY_AGENT,
        Reason.CANCELLED_BY_OPERATOR,
        Reason.TARGET_DROPPED_BY_AGENT,
    }
)
"""Reasons of a transfer that was taken back. The end of the target's leg, which follows from them,
does not change them."""


@dataclass(frozen=True)
class Target:
    """Somebody the caller may be moved to.

    `address` is `client:name`, an E.164 number or a `sip:` address; `ring_seconds` is 5 to 120.
    """

    address: str
    ring_seconds: float = 25.0
    accept: Accept = Accept.NONE
    detect_machine: bool = False
    skills: tuple[str, ...] = ()
    """What a worker of a queue must be able to do."""
    priority: int | None = None
    """Of the task that looks for somebody; None: as the caller's own task had."""
    is_reserve: bool = False
    """Tried last of all, when the agent who sent the call could not be had either."""

    @property
    def is_routed(self) -> bool:
        """Whether TaskRouter finds the phone to be rung: a `worker:` or a `queue:`."""
        return self.address.startswith(("worker:", "queue:"))

    @property
    def is_screened(self) -> bool:
        """Whether picking up is not yet taking the call."""
        return self.detect_machine or self.accept is not Accept.NONE or self.is_routed


@dataclass(frozen=True)
class Policy:
    """What is decided before the transfer starts. All durations in seconds."""

    release_agent: ReleaseAgent = ReleaseAgent.ON_ANSWER
    consult_seconds_max: float = 600.0
    budget_seconds: float = 240.0
    """One budget for all attempts: past it no further phone is rung."""
    recall: bool = True
    """Whether an agent who has gone is rung when nobody else could be had."""
    recall_ring_seconds: float = 25.0
    guard_seconds: float = 3.0
    """A target that is gone again within this time has not taken the call."""
    pause_recordings: bool = False
    """Whether what records the room pauses while agent and target consult."""
    hold_seconds_max: float = 1800.0
    """How long an agent's hold may last."""
    hold_reminder_seconds: float = 60.0
    """How long before that the agent is reminded; 0: not at all."""
    hold_notice_seconds: float = 0.0
    """How often the caller on hold is told that somebody will be back; 0: never."""
    at_hold_max: HoldLimit = HoldLimit.RESUME


@dataclass(frozen=True)
class Leg:
    """One phone's connection to the room, as we believe it."""

    address: str = ""
    call_sid: str = ""
    label: str = ""
    presence: Presence = Presence.NONE
    present_since: float = 0.0
    """When the leg came into the room; 0 for a leg that was there before the transfer."""
    is_doubtful: bool = False
    """Given up without Twilio having said what became of it: it may still turn up."""
    held: bool = False
    is_hold_doubtful: bool = False
    """The last change of `held` came back without an answer: it may be in effect all the same."""
    is_hold_contested: bool = False
    """Another workflow changed the hold while a change of ours was under way: which of the two was
    the last is not known."""
    exit_flag: bool = False
    """Whether the leg carried `endConferenceOnExit` when the transfer took it over."""

    @property
    def is_here(self) -> bool:
        """Whether the leg is in the room for good, held or not."""
        return self.presence is Presence.PRESENT

    @property
    def is_live(self) -> bool:
        """Whether a phone may be ringing or connected because of this leg."""
        return self.presence not in (Presence.NONE, Presence.GONE)


EVERY_RECORDING = "*"
"""In place of a recording's SID: whichever are paused. Only a person asks for that."""


@dataclass(frozen=True)
class Recordings:
    """What records the room, by SID, as we believe it. None is ever begun by a transfer."""

    running: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    """Paused for the consult, to be resumed after it. What a person paused is never in it."""
    by_person: bool = False
    """A person has had them paused while this transfer lived: only a person resumes them."""
    is_known: bool = False
    """They have been read."""
    is_doubtful: bool = False
    """The last change came back without an answer: what is not known counts as recording."""
    is_expected: bool = False
    """The room was set up to be recorded. True of calls, whose own workflow does not read it."""
    read_at: float = 0.0


@dataclass(frozen=True)
class Attempt:
    """One dial of one target. Personal only in `address`, which stays in encrypted payloads."""

    number: int
    address: str
    label: str
    dialed_at: float
    call_sid: str = ""
    task_sid: str = ""
    """The task that looks for somebody, for a routed target."""
    rang_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    cause: Cause | None = None
    reservation_sid: str = ""
    """The offer of the worker who has picked up."""
    accept_key: str = ""
    """The key of the command that accepts the task for its worker, or has done so."""
    accept_sid: str = ""
    """The worker's leg that it is accepted for; empty where it has failed."""
    dial_key: str = ""
    """The key of the command that dialled, so that an outcome is put down to its own attempt."""

    @property
    def ring_seconds(self) -> float:
        """Seconds from the dial to the answer, or to the end when nobody answered."""
        until = self.answered_at if self.answered_at is not None else self.ended_at
        return round(max(0.0, (until or self.dialed_at) - self.dialed_at), 3)


@dataclass(frozen=True)
class Entry:
    """One line of the journal: what was heard, what it changed, what was begun.

    Free of numbers and names: it is shown to operators and written to logs.
    """

    step: int
    at: float
    heard: str
    state_from: str
    state_to: str
    began: tuple[str, ...] = ()
    people: str = ""
    """Where caller, agent and target are after the step, one word each."""
    note: str = ""
    who: str = ""
    """Whose step it is, where a call has several of a kind: a supervisor as `v2`."""
    by: str = ""
    """Who asked for it: a principal's id. In the journal that is shown, never in a log line."""


JOURNAL_ENTRIES_MAX = 200
"""The journal is bounded. A transfer takes 8 to 40 steps; past this the oldest lines go."""


@dataclass(frozen=True)
class Transfer:
    """All that is known of one transfer. A new value per step; the old one is never touched."""

    kind: Kind
    part: str
    """The transfer's own half of its public id, and the first half of every label."""
    conference_sid: str
    caller: Leg
    agent: Leg
    targets: tuple[Target, ...]
    policy: Policy
    started_at: float
    since: float
    state: State
    target: Leg = field(default_factory=Leg)
    task_sid: str = ""
    """The agent's own task, with TaskRouter."""
    is_task_closed: bool = False
    """Whether somebody has begun to close it, or a removal of the agent has done so."""
    wrap_up: bool = False
    """Whether the agent's task is left wrapping up instead of being completed."""
    context: str = ""
    """JSON object of what travels to the target."""
    queue_position: int | None = None
    """How many wait before this caller, when TaskRouter was last asked."""
    queue_seconds: int | None = None
    """How long the first of them has waited."""
    recordings: Recordings = field(default_factory=Recordings)
    room_name: str = ""
    """The room's friendly name: only for TwiML, which knows no SIDs. Never used as an address."""
    step: int = 0
    deadline_at: float | None = None
    deadline_step: int = 0
    """The step that set the deadline; the expiry of an older one is late news."""
    attempts: tuple[Attempt, ...] = ()
    recalls: int = 0
    pending: tuple[str, ...] = ()
    """Keys of the commands whose outcome is not known yet."""
    takes_hold_over: bool = False
    """Whether an agent's hold was, or may have been, under way when this transfer began, or has
    asked since, and is not told yet whose the caller is."""
    owes_word: int = 0
    """The step of a hold's last change; a transfer can have been told of it only by a word begun in
    that step or later. 0: nothing is owed."""
    has_flags_again: bool = False
    """Whether the agent's hold may have switched exit flags on after this transfer began."""
    departed: tuple[str, ...] = ()
    """SIDs of legs that left while it was not known yet who is who."""
    heir: Leg = field(default_factory=Leg)
    """A supervisor who takes the call over, and is the agent once the agent has gone: `PRESENT` as
    soon as that is certain."""
    is_supervised: bool = False
    """Whether a supervisor was on the call, so that the supervision is told what happens."""
    told_supervision: str = ""
    """Whether it was told last that agent and target talk without the caller: `on`, `off`; empty:
    nothing yet."""
    is_sought: bool = False
    """Whether a call has asked for this workflow, and is to be told when it has ended."""
    due: str = ""
    """What the deadline is for, if not for the end of the state: `notice` or `reminder` of a hold,
    `queue` for a look at the caller's place in it."""
    held_since: float | None = None
    hold_seconds: float = 0.0
    met_at: float | None = None
    """When caller and target first talked."""
    reason: Reason | None = None
    decided_by: str = ""
    """Who decided the end: agent, caller, target, supervisor, deadline, operator,
    engine."""
    journal: tuple[Entry, ...] = ()

    @property
    def public_id(self) -> str:
        """The id people use: the conference and the transfer's own part."""
        return f"{self.conference_sid}-{self.part}"

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that is under way, or the last one."""
        return self.attempts[-1] if self.attempts else None

    @property
    def has_open_task(self) -> bool:
        """Whether the agent's own task still has to be closed."""
        return bool(self.task_sid) and not self.is_task_closed

    @property
    def next_target(self) -> Target | None:
        """The target that would be dialled next, if any is left."""
        tried = len(self.attempts)
        return self.targets[tried] if tried < len(self.targets) else None

    @property
    def current_target(self) -> Target | None:
        """The target that the attempt under way is for."""
        return self.targets[len(self.attempts) - 1] if self.attempts else None

    def leg(self, party: Party) -> Leg:
        """The leg of `party`."""
        if party is Party.CALLER:
            return self.caller
        return self.agent if party is Party.AGENT else self.target

    def with_leg(self, party: Party, leg: Leg) -> Transfer:
        """This transfer with another leg for `party`."""
        if party is Party.CALLER:
            return replace(self, caller=leg)
        if party is Party.AGENT:
            return replace(self, agent=leg)
        return replace(self, target=leg)


TERMINAL = frozenset(
    {
        State.COMPLETED,
        State.CANCELLED,
        State.FAILED,
        State.ABANDONED,
        State.DIVERTED,
        State.ENDED,
        State.RESUMED,
        State.TAKEN_OVER,
    }
)
"""States in which nothing happens any more."""
