"""What happened. Facts are what the network reports; requests are what a person asks for.

Past tense, frozen, of plain values only, because they cross Temporal. `kind` tells them apart in a
payload: without it a union decodes to the first class that fits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from workflows.machine.model import Cause


@dataclass(frozen=True)
class LegRang:
    """A phone began to ring."""

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    kind: Literal["leg_rang"] = "leg_rang"


@dataclass(frozen=True)
class LegAnswered:
    """A phone was picked up. The leg is in the room unless the target is screened first."""

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    address: str = ""
    """Whose phone it is, for a leg that TaskRouter found."""
    reservation_sid: str = ""
    """The worker's offer that the leg was dialled for."""
    kind: Literal["leg_answered"] = "leg_answered"


@dataclass(frozen=True)
class LegJoined:
    """A leg entered the room."""

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    conference_sid: str = ""
    kind: Literal["leg_joined"] = "leg_joined"


@dataclass(frozen=True)
class LegScreened:
    """A screened leg was found to be a willing person (`willing`), or a machine or unwilling."""

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    willing: bool = False
    cause: str = Cause.MACHINE.value
    reservation_sid: str = ""
    """The worker's offer, with TaskRouter."""
    kind: Literal["leg_screened"] = "leg_screened"


@dataclass(frozen=True)
class LegEnded:
    """A leg's call is over, or the leg has left the room. `cause` is a `Cause`, or empty."""

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    cause: str = ""
    task_sid: str = ""
    """The task that the leg was dialled for, with TaskRouter."""
    reservation_sid: str = ""
    """The worker's offer that it was dialled for."""
    kind: Literal["leg_ended"] = "leg_ended"


@dataclass(frozen=True)
class HoldFound:
    """Asked, Twilio shows a leg on hold, or off hold."""

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    held: bool = False
    kind: Literal["hold_found"] = "hold_found"


@dataclass(frozen=True)
class TaskEnded:
    """The task that was to find somebody is over without anybody having taken the call."""

    at: float = 0.0
    label: str = ""
    task_sid: str = ""
    cause: str = ""
    kind: Literal["task_ended"] = "task_ended"


@dataclass(frozen=True)
class WorkerTimedOut:
    """A worker let an offer pass; TaskRouter has sent the worker away from `activity_sid`."""

    at: float = 0.0
    label: str = ""
    worker_sid: str = ""
    activity_sid: str = ""
    """The activity that the worker was in before."""
    call_sid: str = ""
    """The leg that TaskRouter dialled for the offer, where it tells. It may live on."""
    kind: Literal["worker_timed_out"] = "worker_timed_out"


@dataclass(frozen=True)
class WorkerDeclined:
    """A worker's offer was declined, by the worker or by us. TaskRouter leaves a leg that was
    picked up alone."""

    at: float = 0.0
    label: str = ""
    call_sid: str = ""
    """The leg that TaskRouter dialled for the offer, where it tells."""
    kind: Literal["worker_declined"] = "worker_declined"


@dataclass(frozen=True)
class RoomEnded:
    """The conference is over, for whatever reason."""

    at: float = 0.0
    conference_sid: str = ""
    kind: Literal["room_ended"] = "room_ended"


@dataclass(frozen=True)
class RecordingPausedByPerson:
    """A person has had the recordings paused in the moment in which the transfer began or ended,
    past the transfer itself."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["recording_paused_by_person"] = "recording_paused_by_person"


@dataclass(frozen=True)
class AgentReplaced:
    """Somebody else is the agent: a supervisor takes the call over, has done so, or could not.

    Told by the supervision of a call to whoever looks after the caller, before the agent is removed
    and again afterwards.
    """

    at: float = 0.0
    call_sid: str = ""
    label: str = ""
    address: str = ""
    former: str = ""
    """Call SID of the agent who has left for it; empty while that one is still there."""
    kind: Literal["agent_replaced"] = "agent_replaced"


@dataclass(frozen=True)
class SupervisorStays:
    """A supervisor who is to hear nothing of a consult is on the call, or on the way: told by the
    supervision to a transfer, which answers by `TransferReported`."""

    at: float = 0.0
    kind: Literal["supervisor_stays"] = "supervisor_stays"


@dataclass(frozen=True)
class TransferReported:
    """What a transfer says to the supervision of its call: that it lives, and whether agent and
    target talk without the caller, or may begin to at any moment."""

    at: float = 0.0
    consult: str = ""
    """`on` or `off`."""
    kind: Literal["transfer_reported"] = "transfer_reported"


NOBODY = "nobody"
"""In the place of a call's SID: there is none any more."""


@dataclass(frozen=True)
class TransferStarted:
    """A transfer has the caller's leg: whoever held it for the agent lets go."""

    at: float = 0.0
    agent: str = ""
    """Call SID of the transfer's agent, or `NOBODY` if that one has left; empty: not known yet."""
    kind: Literal["transfer_started"] = "transfer_started"


@dataclass(frozen=True)
class HoldReported:
    """What an agent's hold last did to the caller, or its question who has the caller's leg."""

    at: float = 0.0
    hold: str = ""
    """`on`, `off`, or empty: nothing was done, the hold only asks."""
    flagged: str = ""
    """Call SIDs, with commas between: whose exit flags the hold had switched off."""
    kind: Literal["hold_reported"] = "hold_reported"


@dataclass(frozen=True)
class OwnerSought:
    """A question whose answer is that it arrived: is this workflow alive?

    `by` is `call` where a call's own workflow asks, which leaves the caller to whoever lives.
    """

    at: float = 0.0
    by: str = ""
    kind: Literal["owner_sought"] = "owner_sought"


@dataclass(frozen=True)
class OwnerEnded:
    """The later answer to that question: who was alive has ended, and whoever was left to it is
    nobody's business any more."""

    at: float = 0.0
    kind: Literal["owner_ended"] = "owner_ended"


@dataclass(frozen=True)
class LegReading:
    """One leg as Twilio tells it when asked.

    `status` is one of: queued, ringing, connected, ended. `cause` is a `Cause` when it ended
    unanswered, else empty.
    """

    call_sid: str = ""
    label: str = ""
    address: str = ""
    status: str = "connected"
    held: bool = False
    muted: bool = False
    exit_flag: bool = False
    cause: str = ""
    coaching: bool = False
    coach_call_sid: str = ""


@dataclass(frozen=True)
class RoomReading:
    """The room as Twilio tells it when asked: the truth about legs at that moment."""

    conference_sid: str = ""
    room_name: str = ""
    is_live: bool = True
    legs: tuple[LegReading, ...] = ()
    was_held: bool = False
    """Whether the leg that was put on hold had been on hold before."""
    caller_call_sid: str = ""
    """Who the caller is, as the call's owner believes; only where it was asked."""


@dataclass(frozen=True)
class RecordingsReading:
    """What records the room, by SID, as Twilio tells it when asked."""

    running: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Which of them were the other way until the command that answers this changed them."""


@dataclass(frozen=True)
class TaskReading:
    """A task as TaskRouter tells it when asked."""

    task_sid: str = ""
    is_over: bool = False
    """Completed, cancelled or deleted: nobody will be offered the call any more."""
    position: int | None = None
    longest_wait_seconds: int | None = None


@dataclass(frozen=True)
class CommandSucceeded:
    """A command's effect is in place at Twilio."""

    at: float = 0.0
    command: str = ""
    """The command's class name, as `HoldCaller`."""
    key: str = ""
    call_sid: str = ""
    """The leg that came of it, for a dial."""
    reading: RoomReading | None = None
    task: TaskReading | None = None
    recordings: RecordingsReading | None = None
    kind: Literal["command_succeeded"] = "command_succeeded"


class Failure:
    """The words in `CommandFailed.failure`."""

    GONE = "gone"
    """Twilio says the leg, the call or the room is not there any more."""
    REFUSED = "refused"
    """Twilio said no, and would say no again."""
    UNAVAILABLE = "unavailable"
    """Twilio could not be asked until the command's time was up; nothing is known to be done."""
    UNMET = "unmet"
    """What had to be true before the change was not, so nothing was changed."""


ABSENT = "absent"
"""The cause of a task that was not accepted because its worker is not in the room (yet)."""
RECORDED = "recorded"
"""The cause of what was not done because it would have been recorded."""


@dataclass(frozen=True)
class CommandFailed:
    """A command has no effect, and will have none."""

    at: float = 0.0
    command: str = ""
    key: str = ""
    failure: str = Failure.UNAVAILABLE
    cause: str = ""
    """A `Cause` for a refused dial or an offer that is over; `ABSENT`; `RECORDED` for a hold that
    was not begun because the room is recorded; else empty."""
    code: int = 0
    """Twilio's error code, 0 if there is none."""
    reading: RoomReading | None = None
    kind: Literal["command_failed"] = "command_failed"


@dataclass(frozen=True)
class DeadlinePassed:
    """The state's time is up. `step` is the step that set the deadline: an older one is late."""

    at: float = 0.0
    step: int = 0
    kind: Literal["deadline_passed"] = "deadline_passed"


@dataclass(frozen=True)
class CompletionRequested:
    """The agent gives the caller to the target."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["completion_requested"] = "completion_requested"


@dataclass(frozen=True)
class CancellationRequested:
    """The agent takes the caller back."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["cancellation_requested"] = "cancellation_requested"


@dataclass(frozen=True)
class SwapRequested:
    """The agent changes from the target to the caller, or back."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["swap_requested"] = "swap_requested"


@dataclass(frozen=True)
class JoinRequested:
    """The agent brings all three together."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["join_requested"] = "join_requested"


@dataclass(frozen=True)
class TargetDropRequested:
    """The agent lets the target go and stays with the caller."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["target_drop_requested"] = "target_drop_requested"


@dataclass(frozen=True)
class RecordingPauseRequested:
    """A person wants nothing recorded, until a person wants it again."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["recording_pause_requested"] = "recording_pause_requested"


@dataclass(frozen=True)
class RecordingResumeRequested:
    """A person wants the recording back."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["recording_resume_requested"] = "recording_resume_requested"


@dataclass(frozen=True)
class ResumeRequested:
    """The agent takes the caller off hold."""

    at: float = 0.0
    by: str = "agent"
    kind: Literal["resume_requested"] = "resume_requested"


Fact = (
    LegRang
    | LegAnswered
    | LegJoined
    | LegScreened
    | LegEnded
    | HoldFound
    | TaskEnded
    | WorkerTimedOut
    | WorkerDeclined
    | RoomEnded
    | RecordingPausedByPerson
    | AgentReplaced
    | SupervisorStays
    | TransferReported
    | TransferStarted
    | HoldReported
    | OwnerSought
    | OwnerEnded
)
Outcome = CommandSucceeded | CommandFailed
Request = (
    CompletionRequested
    | CancellationRequested
    | SwapRequested
    | JoinRequested
    | TargetDropRequested
    | RecordingPauseRequested
    | RecordingResumeRequested
    | ResumeRequested
)
Event = Fact | Outcome | Request | DeadlinePassed

FACTS: dict[str, type[Fact]] = {cls().kind: cls for cls in get_args(Fact)}
REQUESTS: dict[str, type[Request]] = {
    "complete": CompletionRequested,
    "cancel": CancellationRequested,
    "swap": SwapRequested,
    "join": JoinRequested,
    "drop-target": TargetDropRequested,
    "resume": ResumeRequested,
}
"""The verb of the API -> the request it makes."""


def plain(fact: Fact) -> dict[str, Any]:
    """A fact as a signal carries it, out of which `fact_from` makes it again: all its values are
    plain."""
    return dict(vars(fact))


def fact_from(value: Any) -> Fact | None:
    """A fact out of whatever a signal carried, or None. Cannot raise.

    A signal that raises suspends its workflow, and with it a caller; so unknown kinds, missing
    fields and wrong types all end in None or in the field's default.
    """
    if not isinstance(value, dict):
        return None
    cls = FACTS.get(str(value.get("kind")))
    if cls is None:
        return None
    known: dict[str, Any] = {}
    for each in fields(cls):
        given = value.get(each.name)
        if each.name == "kind" or given is None:
            continue
        if each.name == "at":
            is_number = isinstance(given, int | float) and not isinstance(given, bool)
            known["at"] = float(given) if is_number else 0.0
        elif each.name in ("willing", "held"):
            known[each.name] = given is True
        elif isinstance(given, str):
            known[each.name] = given[:200]
    return cls(**known)
