"""What to do. Imperative, then the party; one class per thing that can be done to a call.

A row of a table names the class. `step` gives it a key made from the transfer and the step, so that
the same command carried out twice is recognised as the same. What Twilio needs to know besides is
read from the transfer by `workflows/dispatch.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workflows.machine.model import Party


@dataclass(frozen=True)
class Command:
    """Something to be done beside the loop; its outcome comes back as an event."""

    key: str = ""
    after: tuple[str, ...] = ()
    """Keys of the commands whose outcome must be known first, whatever it is."""

    leg: ClassVar[Party | None] = None
    """Commands on one leg run one after the other; None runs beside all others."""
    is_optional: ClassVar[bool] = False
    """Left out where it has nothing to act on: no state waits for its outcome."""

    @property
    def name(self) -> str:
        """The word of the journal and of the outcome events."""
        return type(self).__name__

    @property
    def lane(self) -> str:
        """Commands of one lane run one after the other; without one, beside all others."""
        return self.leg or ""


@dataclass(frozen=True)
class SecureCaller(Command):
    """The call taken over: exit flags off and read back; then the caller on hold and read back. In
    this order: Twilio answers success and changes nothing when the flag of a held leg is written.

    Where the policy pauses recordings for the consult, that comes before anything else.
    """

    leg = Party.CALLER


@dataclass(frozen=True)
class HoldCaller(Command):
    """The caller on hold again, in the middle of a transfer; by policy the recordings paused
    first."""

    leg = Party.CALLER


@dataclass(frozen=True)
class ResumeCaller(Command):
    """The caller off hold."""

    leg = Party.CALLER


@dataclass(frozen=True)
class GiveCallerBack(Command):
    """The caller off hold, and the exit flags as they were before the transfer."""

    leg = Party.CALLER


@dataclass(frozen=True)
class DivertCaller(Command):
    """The caller to the spoken apology and the mailbox, out of the room."""

    leg = Party.CALLER


@dataclass(frozen=True)
class DialTarget(Command):
    """The next target's phone, under the attempt's label."""

    leg = Party.TARGET


@dataclass(frozen=True)
class HoldTarget(Command):
    """The target on hold."""

    leg = Party.TARGET


@dataclass(frozen=True)
class ResumeTarget(Command):
    """The target off hold."""

    leg = Party.TARGET


@dataclass(frozen=True)
class EndTarget(Command):
    """The target's leg, by `completed`, so that a leg answered in that moment also ends."""

    leg = Party.TARGET


@dataclass(frozen=True)
class FindTarget(Command):
    """Ask Twilio what became of the target's leg."""

    leg = Party.TARGET


@dataclass(frozen=True)
class RemoveAgent(Command):
    """The agent's leg out of the room, after a look that the caller is talking to the target."""

    leg = Party.AGENT


@dataclass(frozen=True)
class LetAgentGo(Command):
    """The agent's leg out of the room, after a look that the caller is on hold."""

    leg = Party.AGENT


@dataclass(frozen=True)
class RecallAgent(Command):
    """The agent's phone again, because nobody else could be had."""

    leg = Party.AGENT


@dataclass(frozen=True)
class EndRecall(Command):
    """The recall's leg, because nobody answers it."""

    leg = Party.AGENT


@dataclass(frozen=True)
class EndRoom(Command):
    """Everybody's leg: the caller has gone, and the room has no purpose any more."""


@dataclass(frozen=True)
class ReadRoom(Command):
    """Ask Twilio who is in the room."""


@dataclass(frozen=True)
class TellHold(Command):
    """An agent's hold, that this transfer has the caller now."""


@dataclass(frozen=True)
class TellSupervision(Command):
    """The supervision of the call, whether agent and target talk without the caller: a supervisor
    who stays beside the caller is set apart then. Words of one transfer keep their order."""

    consult: str = ""

    @property
    def lane(self) -> str:
        """One word after the other, and beside all that is done to the legs."""
        return "supervision"


@dataclass(frozen=True)
class AskTransfer(Command):
    """Ask whether a transfer of this call lives: then the caller's leg is the transfer's."""


@dataclass(frozen=True)
class AskCall(Command):
    """Ask whether the call has an owner of its own, who ends the room when the caller has gone."""


@dataclass(frozen=True)
class AskOwners(Command):
    """Ask whether a transfer or a hold of this call lives that looks after the caller."""


@dataclass(frozen=True)
class TellCall(Command):
    """The call's own workflow, which has asked for this one, that it looks after nobody any more:
    the last thing that is done."""


@dataclass(frozen=True)
class ReportHold(Command):
    """A transfer, if one lives, what this hold did to the caller last, and whose exit flags it had
    switched off. On the caller's leg, so that no change of the hold is under way any more."""

    leg = Party.CALLER
    is_optional = True


@dataclass(frozen=True)
class NotifyCaller(Command):
    """The caller on hold, by a spoken notice, that somebody will be back."""


@dataclass(frozen=True)
class RemindAgent(Command):
    """The agent, by a spoken reminder, that somebody waits on hold."""


@dataclass(frozen=True)
class EndStray(Command):
    """A leg of ours that was given up: one that turned up later, or with TaskRouter one that was
    picked up and has outlived its offer."""

    is_optional = True
    label: str = ""
    call_sid: str = ""


@dataclass(frozen=True)
class AcceptTask(Command):
    """With TaskRouter: the worker has the task from now on. One who is not known to be in the room
    is looked for there first, for some seconds: so the task is proof that the worker has come."""

    is_optional = True
    call_sid: str = ""
    reservation_sid: str = ""
    """The worker's own offer, where it is known: another one may be open by now."""


@dataclass(frozen=True)
class RejectTask(Command):
    """With TaskRouter: the offer of a worker who picked up and does not want the call is over, so
    that the next one is asked."""

    is_optional = True
    reservation_sid: str = ""


@dataclass(frozen=True)
class CloseTask(Command):
    """With TaskRouter: the task of an agent who has left by hanging up. Where we remove the agent,
    the removal closes it."""

    is_optional = True


@dataclass(frozen=True)
class ReadQueue(Command):
    """With TaskRouter: how many wait before this caller, and since when."""

    is_optional = True


@dataclass(frozen=True)
class RestoreWorker(Command):
    """With TaskRouter: a worker who was sent away for letting an offer pass is put back."""

    is_optional = True
    worker_sid: str = ""
    activity_sid: str = ""


@dataclass(frozen=True)
class EndTask(Command):
    """With TaskRouter: the task of somebody who had taken the call and has hung up."""

    is_optional = True
    task_sid: str = ""
    label: str = ""
    """By which the task is found where its SID is not known."""


@dataclass(frozen=True)
class CloseRoomTasks(Command):
    """With TaskRouter: every task that brought somebody to the room, because the call is over."""

    is_optional = True


@dataclass(frozen=True)
class ReadRecordings(Command):
    """Ask Twilio what records the room, so that what is paused next is known to be ours."""

    is_optional = True


@dataclass(frozen=True)
class PauseRecordings(Command):
    """Whatever records the room paused, and read back, because a person wants it."""

    is_optional = True


@dataclass(frozen=True)
class ResumeRecordings(Command):
    """What was paused for the consult recording again, and read back."""

    is_optional = True


COMMANDS: dict[str, type[Command]] = {
    cls.__name__: cls
    for cls in (
        SecureCaller,
        HoldCaller,
        ResumeCaller,
        GiveCallerBack,
        DivertCaller,
        DialTarget,
        HoldTarget,
        ResumeTarget,
        EndTarget,
        FindTarget,
        RemoveAgent,
        LetAgentGo,
        RecallAgent,
        EndRecall,
        EndRoom,
        ReadRoom,
        TellHold,
        TellSupervision,
        AskTransfer,
        AskCall,
        AskOwners,
        TellCall,
        ReportHold,
        NotifyCaller,
        RemindAgent,
        EndStray,
        AcceptTask,
        RejectTask,
        CloseTask,
        ReadQueue,
        RestoreWorker,
        EndTask,
        CloseRoomTasks,
        ReadRecordings,
        PauseRecordings,
        ResumeRecordings,
    )
}
