"""Commands about supervisors -> activities, with every option spelt out. Times in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from temporalio import workflow

from workflows.dispatch_order import LOOK_FIRST, Notice, Order
from workflows.dispatch_tasks import TASK_REASON
from workflows.dispatch_tasks import VOICE as VOICE_CHANNEL

with workflow.unsafe.imports_passed_through():
    from activities.calls import Calls, EndLegInput
    from activities.conferences import Conferences, ReadRoomInput
    from activities.participants import TALKING, AddInput, Participants, RemoveInput
    from activities.tasks import BookInput, Tasks
    from activities.voices import APART, BARGE, SILENT, WHISPER, VoiceInput, Voices
    from workflows.machine.commands import Command
    from workflows.machine.events import AgentReplaced, OwnerSought, SupervisorStays
    from workflows.machine.supervision.commands import ForSupervisor
    from workflows.machine.supervision.model import Supervision, Supervisor
    from workflows.messages import (
        MEMO_VIEW,
        call_workflow_id,
        hold_workflow_id,
        transfer_workflow_id,
    )

Dispatch = Callable[[Supervision, Supervisor, Supervision], Order | Notice]
"""(when the command was given, its supervisor as known now, now) -> how it is carried out."""


def supervision_order_for(command: Command, begun: Supervision, now: Supervision) -> Order | Notice:
    """What carries out `command`. The leg is the one meant when it was given; its SID may have been
    learnt since."""
    if command.name == "ReadSupervised":
        return _read(now)
    label = command.label if isinstance(command, ForSupervisor) else ""
    known = now.find(label) or begun.find(label)
    if known is None:
        raise ValueError(f"{command.name} was dispatched for nobody")
    return _ORDERS[command.name](begun, known, now)


def callback_path(conference_sid: str, label: str) -> str:
    """Where Twilio reports on a supervisor's leg."""
    return f"/twilio/status/supervision/{conference_sid}/{label}"


def _add(_begun: Supervision, mine: Supervisor, now: Supervision) -> Order:
    path = callback_path(now.conference_sid, mine.label)
    return Order(
        Participants.add_participant,
        AddInput(
            conference_sid=now.conference_sid,
            label=mine.label,
            to=mine.address,
            ring_seconds=mine.ring_seconds,
            callback_path=path,
            early_media=False,
            muted=True,
            detect_machine=mine.detect_machine,
            amd_path=path.replace("/status/", "/amd/") if mine.detect_machine else "",
        ),
        "ring the supervisor, muted",
        start_to_close=3.5,
        schedule_to_close=20.0,
        retry=LOOK_FIRST,
    )


def _voice(voice: str, summary: str, start_to_close: float, patience: float) -> Dispatch:
    def order(begun: Supervision, mine: Supervisor, now: Supervision) -> Order:
        meant = begun.find(mine.label)
        return Order(
            Voices.set_voice,
            VoiceInput(
                conference_sid=now.conference_sid,
                call_sid=mine.call_sid,
                voice=voice,
                coach_call_sid=meant.coached if meant is not None and voice == WHISPER else "",
            ),
            summary,
            start_to_close=start_to_close,
            schedule_to_close=patience,
        )

    return order


def _release_agent(_begun: Supervision, mine: Supervisor, now: Supervision) -> Order:
    return Order(
        Participants.remove_participant,
        RemoveInput(
            conference_sid=now.conference_sid,
            call_sid=mine.released,
            caller_call_sid=now.caller_call_sid,
            require=TALKING,
            other_call_sid=mine.call_sid,
            task_sid=mine.task_sid,
            task_reason=TASK_REASON if mine.task_sid else "",
        ),
        "agent out, after a look that caller and supervisor talk",
        start_to_close=6.0,
        schedule_to_close=20.0,
    )


def _tell_transfer(_begun: Supervision, _mine: Supervisor, now: Supervision) -> Notice:
    return Notice((transfer_workflow_id(now.conference_sid),), asdict(SupervisorStays()))


def _ask_owners(_begun: Supervision, _mine: Supervisor, now: Supervision) -> Notice:
    owners = (
        transfer_workflow_id(now.conference_sid),
        hold_workflow_id(now.conference_sid),
    )
    return Notice(owners, asdict(OwnerSought()))


def _tell_taken(_begun: Supervision, mine: Supervisor, now: Supervision) -> Notice:
    return Notice(_owners(now), asdict(_taken_by(mine)))


def _owners(now: Supervision) -> tuple[str, ...]:
    """Whoever may look after the caller. The call's own workflow always lives."""
    return (
        call_workflow_id(now.conference_sid),
        transfer_workflow_id(now.conference_sid),
        hold_workflow_id(now.conference_sid),
    )


def _tell_transfer_taken(_begun: Supervision, mine: Supervisor, now: Supervision) -> Notice:
    return Notice((transfer_workflow_id(now.conference_sid),), asdict(_taken_by(mine)))


def _tell_holder(_begun: Supervision, mine: Supervisor, now: Supervision) -> Notice:
    holders = (hold_workflow_id(now.conference_sid), transfer_workflow_id(now.conference_sid))
    return Notice(holders, asdict(replace(_taken_by(mine), former=mine.released)))


def _taken_by(mine: Supervisor) -> AgentReplaced:
    return AgentReplaced(call_sid=mine.call_sid, label=mine.label, address=mine.address)


def _book(_begun: Supervision, mine: Supervisor, now: Supervision) -> Order:
    return Order(
        Tasks.book_worker,
        BookInput(
            label=mine.label,
            address=mine.address,
            conference_sid=now.conference_sid,
            call_sid=mine.call_sid,
            like_task_sid=mine.task_sid,
            task_channel=VOICE_CHANNEL,
        ),
        "TaskRouter: the supervisor is on the call",
        start_to_close=8.0,
        schedule_to_close=60.0,
        retry=LOOK_FIRST,
    )


def _tell_kept(begun: Supervision, mine: Supervisor, now: Supervision) -> Notice:
    return Notice(_owners(now), asdict(AgentReplaced(call_sid=mine.released or begun.agent)))


def _end(_begun: Supervision, mine: Supervisor, now: Supervision) -> Order:
    return Order(
        Calls.end_leg,
        EndLegInput(
            conference_sid=now.conference_sid,
            label=mine.label,
            call_sid=mine.call_sid,
            to=mine.address,
            is_doubtful=not mine.call_sid,
            dialed_at=mine.dialed_at,
        ),
        "end the supervisor's leg",
        start_to_close=5.0,
        schedule_to_close=120.0 if not mine.call_sid else 20.0,
    )


def _read(now: Supervision) -> Order:
    """In a room of TaskRouter's nobody is labelled: the call's owner knows the caller, once it has
    read it from the task."""
    owner_id = "" if now.caller_call_sid else call_workflow_id(now.conference_sid)
    return Order(
        Conferences.read_room,
        ReadRoomInput(
            conference_sid=now.conference_sid,
            call_sids=tuple(each.call_sid for each in now.live if each.call_sid),
            owner_id=owner_id,
            owner_view=MEMO_VIEW if owner_id else "",
        ),
        "who is in the room, and who is heard?",
        start_to_close=5.0,
        schedule_to_close=15.0,
    )


_ORDERS: dict[str, Dispatch] = {
    "AddSupervisor": _add,
    "Silence": _voice(SILENT, "supervisor heard by nobody", 6.0, 20.0),
    "Whisper": _voice(WHISPER, "supervisor heard by the agent alone", 8.0, 12.0),
    "Barge": _voice(BARGE, "supervisor heard by everybody", 8.0, 12.0),
    "SetApart": _voice(APART, "supervisor on hold, beside the caller", 6.0, 20.0),
    "TellTransfer": _tell_transfer,
    "AskOwners": _ask_owners,
    "TellTaken": _tell_taken,
    "TellTransferTaken": _tell_transfer_taken,
    "ReleaseAgent": _release_agent,
    "TellHolder": _tell_holder,
    "BookSupervisor": _book,
    "TellKept": _tell_kept,
    "EndSupervisor": _end,
}
"""Every command about a supervisor -> how it is carried out. A test holds the two together."""


def supervision_rescue(value: Supervision) -> tuple[Order, ...]:
    """When the rules cannot be trusted any more: no supervisor is left on the call."""
    return tuple(
        _end(value, each, value) for each in value.live if each.call_sid not in value.taken
    )
