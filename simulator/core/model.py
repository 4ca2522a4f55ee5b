"""What exists in the network: legs, rooms, numbers, queues. Plain state, no behaviour.

A leg is a Call, as it is at Twilio: one person's line. A participant is a leg's place in a room.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.core.clock import Timer

if TYPE_CHECKING:
    from simulator.core.script import Script

LIVE_STATUSES = ("queued", "ringing", "in-progress")


@dataclass(frozen=True, slots=True)
class Callback:
    """Where to tell something, and what of it."""

    url: str
    method: str = "POST"
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """TwiML to run: from an address, or given inline."""

    url: str = ""
    method: str = "POST"
    inline: str = ""
    fallback_url: str = ""
    fallback_method: str = "POST"


@dataclass(slots=True, eq=False)
class Call:
    """One leg. `phone` is the person's end: who dialled in, or who was dialled."""

    sid: str
    from_: str
    to: str
    direction: str
    phone: str
    created_at: float
    updated_at: float
    document: Document
    status: str = "queued"
    parent_sid: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    answered_by: str | None = None
    caller_name: str | None = None
    forwarded_from: str | None = None
    number_sid: str | None = None
    queue_ms: int = 0
    timeout: float = 65.0
    time_limit: float | None = None
    progress: Callback | None = None
    progress_sent: int = 0
    amd: str | None = None
    amd_asynchronous: bool = False
    amd_callback: Callback | None = None
    initiated: bool = False
    sip_code: int | None = None
    recording: dict[str, str] = field(default_factory=dict)
    hears: str = "nothing"
    # What happens when the person answers, and what else must know of the end of this leg.
    on_answer: Callable[["Call"], None] | None = None
    on_ringing: Callable[["Call"], None] | None = None
    on_end: list[Callable[["Call", str], None]] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    script: "Script | None" = None
    participant: "Participant | None" = None
    bridge: "Bridge | None" = None
    member: "QueueMember | None" = None
    # The other half when a leg was dialled to a number of this very account (P-12).
    peer: "Call | None" = None

    @property
    def live(self) -> bool:
        return self.status in LIVE_STATUSES

    @property
    def answered(self) -> bool:
        return self.status == "in-progress"


@dataclass(slots=True, eq=False)
class Bridge:
    """Two legs that talk outside any room: a Dial to a number, a client or a queue."""

    first: Call
    second: Call

    def other(self, call: Call) -> Call:
        return self.second if call is self.first else self.first


@dataclass(slots=True, eq=False)
class Participant:
    """A leg's place in a room. `made_by` tells REST legs from those that came by TwiML."""

    call: Call
    conference: "Conference"
    made_by: str
    created_at: float
    updated_at: float
    label: str | None = None
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    call_sid_to_coach: str | None = None
    start_on_enter: bool = True
    # What REST shows, and what is in force: they part on a held participant (P-16).
    end_on_exit: bool = False
    end_on_exit_in_force: bool = False
    early_media: bool = True
    beep: str = "true"
    wait_url: str | None = None
    wait_method: str = "POST"
    hold_url: str | None = None
    hold_method: str = "GET"
    max_participants: int = 250
    joined: bool = False
    left: bool = False
    join_told: bool = False
    queue_time: str | None = None
    # Audio that this leg alone gets: wait music, hold music, an announcement.
    audio: "Script | None" = None
    announcement: "Script | None" = None
    on_out: Callable[["Participant", str], None] | None = None

    @property
    def status(self) -> str:
        if self.left:
            return "complete" if self.joined else "failed"
        if self.joined:
            return "connected"
        if self.call.status == "ringing":
            return "ringing"
        return "connecting" if self.call.initiated else "queued"


@dataclass(slots=True, eq=False)
class Conference:
    sid: str
    name: str
    created_at: float
    updated_at: float
    callback: Callback | None = None
    region: str = "us1"
    started: bool = False
    ended: bool = False
    reason_ended: str | None = None
    call_sid_ending: str | None = None
    sequence: int = 0
    participants: dict[str, Participant] = field(default_factory=dict)
    pairs: frozenset[tuple[str, str]] = frozenset()
    announcement: "Script | None" = None
    gone: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Queue:
    sid: str
    name: str
    created_at: float
    updated_at: float
    max_size: int = 100
    members: dict[str, "QueueMember"] = field(default_factory=dict)
    waits_sum: float = 0.0
    waits_count: int = 0


@dataclass(slots=True, eq=False)
class QueueMember:
    """A parked leg. `workflow_sid` and `task` are for whoever routes tasks, else None."""

    call: Call
    queue: Queue
    enqueued_at: float
    leave: Callable[[str], None]
    workflow_sid: str | None = None
    task: dict[str, Any] | None = None


@dataclass(slots=True, eq=False)
class Number:
    """A telephone number of the account. `settings` are the resource's own fields."""

    sid: str
    phone_number: str
    created_at: float
    updated_at: float
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Application:
    sid: str
    created_at: float
    updated_at: float
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Recording:
    sid: str
    call_sid: str
    created_at: float
    seconds: int
    source: str = "RecordVerb"


@dataclass(slots=True, eq=False)
class Alert:
    """One line of the debugger: what an application did wrong, and what came of it."""

    sid: str
    at: float
    code: int
    message: str
    url: str = ""
    call_sid: str | None = None
    conference_sid: str | None = None
