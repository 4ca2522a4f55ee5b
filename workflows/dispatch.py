"""Command -> activity with every option spelt out; outcome of an activity -> event.

The only place that knows both our words and those of `activities/`. Times in seconds. One HTTP
request to Twilio is given up after 2.5 s (`activities/client.py`), so:

- `start_to_close` bounds one attempt, as tightly as its requests allow. A worker that dies in the
  middle of one is missed sooner, by its pulse (`dispatch_order.py`).
- `schedule_to_close` bounds all attempts: past it the table decides what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import workflow

from workflows.dispatch_hold import (
    ask_call,
    ask_owners,
    ask_transfer,
    notify_caller,
    remind_agent,
    report_hold,
    tell_call,
    tell_hold,
    tell_supervision,
)
from workflows.dispatch_order import LOOK_FIRST, OUTLAST_SECONDS, Notice, Order
from workflows.dispatch_recordings import (
    must_pause,
    pause_recordings,
    read_recordings,
    resume_recordings,
)
from workflows.dispatch_tasks import (
    TASK_REASON,
    accept_task,
    close_room_tasks,
    close_task,
    create_task,
    dialed_at,
    end_task,
    end_told_task,
    read_task,
    reject_task,
    restore_worker,
    with_parameters,
)

with workflow.unsafe.imports_passed_through():
    from activities.calls import Calls, CreateCallInput, DivertInput, EndLegInput, FindLegInput
    from activities.conferences import Conferences, EndRoomInput, FindRoomInput, ReadRoomInput
    from activities.participants import (
        HELD,
        TALKING,
        AddInput,
        HoldInput,
        Participants,
        RemoveInput,
        ResumeInput,
    )
    from workflows.machine.beliefs import may_talk_with_agent
    from workflows.machine.classify import WINDING_UP
    from workflows.machine.commands import Command, EndStray
    from workflows.machine.model import (
        Accept,
        Kind,
        Leg,
        Party,
        ReleaseAgent,
        Target,
        Transfer,
    )


def order_for(command: Command, begun: Transfer, now: Transfer) -> Order | Notice:
    """The activity that carries out `command`, or the notice to another workflow.

    `begun` is the transfer when the command was given: which leg is meant. `now` is the transfer
    when its turn has come: what has been learnt of that leg since.
    """
    return _ORDERS[command.name](command, begun, now)


THOROUGH: dict[str, tuple[Party, ...]] = {
    "FindTarget": (Party.TARGET,),
    "ReadRoom": (Party.CALLER, Party.AGENT, Party.TARGET),
}
"""Commands whose reading asked for each leg by itself -> the parties it asked about."""


def callback_path(transfer: Transfer, label: str) -> str:
    """Where Twilio reports on a leg of ours: the path finds the workflow without a look-up."""
    owner = {Kind.INBOUND: "call", Kind.ROUTED: "call", Kind.HOLD: "hold"}.get(
        transfer.kind, "transfer"
    )
    return f"/twilio/status/{owner}/{transfer.conference_sid}/{label}"


def _sid(now: Transfer, leg: Leg) -> str:
    """What is known by now of the SID of `leg`, which was known by its label at first."""
    if leg.call_sid:
        return leg.call_sid
    known = {each.label: each.call_sid for each in now.attempts}
    known |= {each.label: each.call_sid for each in (now.target, now.agent) if each.call_sid}
    return known.get(leg.label, "")


# --- one function per command -------------------------------------------------------------------


def _secure_caller(_command: Command, begun: Transfer, now: Transfer) -> Order:
    return Order(
        Participants.hold_participant,
        HoldInput(
            conference_sid=now.conference_sid,
            call_sid=begun.caller.call_sid,
            exit_flags_off=True,
            agent_address=begun.agent.address,
            agent_call_sid=begun.agent.call_sid,
            pause_recordings=must_pause(now),
        ),
        "exit flags off, caller on hold",
        start_to_close=5.0 if must_pause(now) else 4.0,
        schedule_to_close=25.0,
    )


def _hold(party: Party) -> Callable[[Command, Transfer, Transfer], Order]:
    def order(_command: Command, begun: Transfer, now: Transfer) -> Order:
        call_sid = _sid(now, begun.leg(party))
        is_caller = party is Party.CALLER
        is_paused = is_caller and must_pause(now)
        return Order(
            Participants.hold_participant,
            HoldInput(
                conference_sid=now.conference_sid,
                call_sid=call_sid or (now.caller.call_sid if is_caller else ""),
                exit_flags_off=is_caller and now.has_flags_again,
                pause_recordings=is_paused,
            ),
            f"{party} on hold",
            start_to_close=4.5 if is_paused else 3.5,
            schedule_to_close=20.0,
        )

    return order


def _resume(party: Party) -> Callable[[Command, Transfer, Transfer], Order]:
    is_caller = party is Party.CALLER

    def order(_command: Command, begun: Transfer, now: Transfer) -> Order:
        call_sid = _sid(now, begun.leg(party))
        return Order(
            Participants.resume_participant,
            ResumeInput(
                conference_sid=now.conference_sid,
                call_sid=call_sid or (now.caller.call_sid if is_caller else ""),
                agent_address=now.agent.address if is_caller else "",
                agent_call_sid=now.agent.call_sid if is_caller else "",
            ),
            f"{party} off hold",
            start_to_close=3.5,
            schedule_to_close=20.0,
        )

    return order


def _give_caller_back(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    flagged = tuple(leg.call_sid for leg in (now.caller, now.agent) if leg.exit_flag)
    return Order(
        Participants.resume_participant,
        ResumeInput(
            conference_sid=now.conference_sid,
            call_sid=now.caller.call_sid,
            exit_flags_on=flagged,
            agent_address=now.agent.address,
            agent_call_sid=now.agent.call_sid,
        ),
        "caller back with the agent, exit flags as before",
        start_to_close=3.5,
        schedule_to_close=30.0,
    )


def _dial_target(_command: Command, begun: Transfer, now: Transfer) -> Order:
    target, label = begun.current_target, begun.target.label
    if target is None:
        raise ValueError("a dial was dispatched for no target")
    if target.is_routed:
        return create_task(begun, target, label)
    path = callback_path(now, label)
    events: tuple[str, ...] = ("answered", "completed")
    if now.policy.release_agent is ReleaseAgent.ON_RINGING and now.kind is Kind.COLD:
        events = ("ringing", *events)
    amd_path = path.replace("/twilio/status/", "/twilio/amd/") if target.detect_machine else ""
    summary = f"dial target, attempt {len(begun.attempts)} of {len(begun.targets)}"
    if target.accept is Accept.PRESS_1:
        given: Any = _screened_call(now, target, label, path, events, amd_path)
        dial: Callable[..., Any] = Calls.create_call
    else:
        given = AddInput(
            conference_sid=now.conference_sid,
            label=label,
            to=with_parameters(target.address, begun),
            ring_seconds=target.ring_seconds,
            callback_path=path,
            callback_events=events,
            detect_machine=target.detect_machine,
            amd_path=amd_path,
        )
        dial = Participants.add_participant
    return Order(dial, given, summary, start_to_close=3.5, schedule_to_close=20.0, retry=LOOK_FIRST)


def _screened_call(
    now: Transfer,
    target: Target,
    label: str,
    path: str,
    events: tuple[str, ...],
    amd_path: str,
) -> CreateCallInput:
    return CreateCallInput(
        conference_sid=now.conference_sid,
        label=label,
        to=target.address,
        ring_seconds=target.ring_seconds,
        answer_path=f"/twilio/voice/screen/{now.conference_sid}/{label}?room={now.room_name}",
        callback_path=path,
        callback_events=events,
        detect_machine=target.detect_machine,
        amd_path=amd_path,
    )


def _end_target(_command: Command, begun: Transfer, now: Transfer) -> Order:
    leg = begun.target
    is_doubtful = now.target.is_doubtful and now.target.label == leg.label
    # Where the transfer ends nobody waits for the outcome, and a leg that was given up would stay.
    patience = 120.0 if now.state in WINDING_UP else 6.0 if is_doubtful else 20.0
    if begun.current_target is not None and begun.current_target.is_routed:
        return end_task(begun, now, is_doubtful, patience)
    return _end(leg, now, "end the target's leg", is_doubtful, patience)


def _end(leg: Leg, now: Transfer, summary: str, is_doubtful: bool, patience: float) -> Order:
    return Order(
        Calls.end_leg,
        EndLegInput(
            conference_sid=now.conference_sid,
            label=leg.label,
            call_sid=_sid(now, leg),
            to=leg.address,
            is_doubtful=is_doubtful,
            dialed_at=dialed_at(now, leg),
        ),
        summary,
        start_to_close=5.0,
        schedule_to_close=patience,
    )


def _find_target(command: Command, begun: Transfer, now: Transfer) -> Order:
    if begun.current_target is not None and begun.current_target.is_routed:
        return read_task(command, begun, now)
    return Order(
        Calls.find_leg,
        FindLegInput(
            conference_sid=now.conference_sid,
            label=begun.target.label,
            call_sid=_sid(now, begun.target),
        ),
        "ask what became of the target's leg",
        start_to_close=5.0,
        schedule_to_close=15.0,
    )


def _remove_agent(require: str) -> Callable[[Command, Transfer, Transfer], Order]:
    def order(_command: Command, begun: Transfer, now: Transfer) -> Order:
        return Order(
            Participants.remove_participant,
            RemoveInput(
                conference_sid=now.conference_sid,
                call_sid=begun.agent.call_sid,
                caller_call_sid=now.caller.call_sid,
                require=require,
                other_call_sid=now.target.call_sid if require == TALKING else "",
                task_sid=now.task_sid,
                task_reason=TASK_REASON if now.task_sid else "",
                task_wrap_up=now.wrap_up,
            ),
            "agent out, after a look that the caller is not alone",
            start_to_close=5.0,
            schedule_to_close=30.0 if now.has_open_task else 20.0,
        )

    return order


def _recall_agent(_command: Command, begun: Transfer, now: Transfer) -> Order:
    return Order(
        Participants.add_participant,
        AddInput(
            conference_sid=now.conference_sid,
            label=begun.agent.label,
            to=begun.agent.address,
            ring_seconds=now.policy.recall_ring_seconds,
            callback_path=callback_path(now, begun.agent.label),
        ),
        "ring the agent back",
        start_to_close=3.5,
        schedule_to_close=20.0,
        retry=LOOK_FIRST,
    )


def _end_recall(_command: Command, begun: Transfer, now: Transfer) -> Order:
    return _end(begun.agent, now, "end the recall's leg", begun.agent.is_doubtful, 20.0)


def _end_stray(command: Command, _begun: Transfer, now: Transfer) -> Order:
    leg = Leg()
    if isinstance(command, EndStray):
        leg = Leg(call_sid=command.call_sid, label=command.label)
    return _end(leg, now, "end a leg that was given up", False, 120.0)


def _end_room(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    ours = (now.target, now.agent)
    return Order(
        Conferences.end_room,
        EndRoomInput(
            conference_sid=now.conference_sid,
            call_sids=tuple(leg.call_sid for leg in ours if leg.call_sid and leg.is_live),
        ),
        "end the room: the call is over",
        start_to_close=5.0,
        schedule_to_close=OUTLAST_SECONDS,
    )


def _read_room(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    known = (now.caller, now.agent, now.target)
    return Order(
        Conferences.read_room,
        ReadRoomInput(
            conference_sid=now.conference_sid,
            call_sids=tuple(leg.call_sid for leg in known if leg.call_sid and leg.is_live),
            with_addresses=now.kind is Kind.ROUTED or not now.target.address,
            task_sid="" if now.caller.call_sid else now.task_sid,
        ),
        "who is in the room?",
        start_to_close=5.0,
        schedule_to_close=20.0,
    )


def _divert_caller(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    # Twilio was away, and nobody could be asked whether the caller is on hold at all.
    may_talk = may_talk_with_agent(now)
    # Somebody of whom nothing was heard may have come, or be there under no name.
    is_unheard = now.kind is Kind.INBOUND and (now.target.is_doubtful or len(now.attempts) > 1)
    return Order(
        Calls.divert_call,
        DivertInput(
            call_sid=now.caller.call_sid,
            conference_sid=now.conference_sid,
            unless_with=now.agent.call_sid if may_talk else "",
            unless_with_anybody=is_unheard or (may_talk and not now.agent.call_sid),
        ),
        "caller to the apology and the mailbox",
        start_to_close=3.5,
        schedule_to_close=30.0,
    )


_ORDERS: dict[str, Callable[[Command, Transfer, Transfer], Order | Notice]] = {
    "SecureCaller": _secure_caller,
    "HoldCaller": _hold(Party.CALLER),
    "ResumeCaller": _resume(Party.CALLER),
    "GiveCallerBack": _give_caller_back,
    "DivertCaller": _divert_caller,
    "DialTarget": _dial_target,
    "HoldTarget": _hold(Party.TARGET),
    "ResumeTarget": _resume(Party.TARGET),
    "EndTarget": _end_target,
    "FindTarget": _find_target,
    "RemoveAgent": _remove_agent(TALKING),
    "LetAgentGo": _remove_agent(HELD),
    "RecallAgent": _recall_agent,
    "EndRecall": _end_recall,
    "EndRoom": _end_room,
    "ReadRoom": _read_room,
    "EndStray": _end_stray,
    "TellHold": tell_hold,
    "TellSupervision": tell_supervision,
    "AskTransfer": ask_transfer,
    "AskCall": ask_call,
    "AskOwners": ask_owners,
    "TellCall": tell_call,
    "ReportHold": report_hold,
    "NotifyCaller": notify_caller,
    "RemindAgent": remind_agent,
    "AcceptTask": accept_task,
    "RejectTask": reject_task,
    "CloseTask": close_task,
    "ReadQueue": read_task,
    "RestoreWorker": restore_worker,
    "EndTask": end_told_task,
    "CloseRoomTasks": close_room_tasks,
    "ReadRecordings": read_recordings,
    "PauseRecordings": pause_recordings,
    "ResumeRecordings": resume_recordings,
}
"""Every command of the machine -> how it is carried out. A test holds the two together."""


def rescue_orders(transfer: Transfer) -> tuple[Order, ...]:
    """What to do when the machine itself cannot be trusted any more: the target's leg ended, and
    the caller with the agent; without an agent, to the apology."""
    command = Command()
    orders: list[Order] = []
    if transfer.target.is_live and not transfer.target.is_here:
        orders.append(_end_target(command, transfer, transfer))
    if not transfer.caller.call_sid or not transfer.caller.is_live:
        return tuple(orders)
    if transfer.agent.is_here or transfer.target.is_here:
        orders.append(_give_caller_back(command, transfer, transfer))
        if transfer.recordings.owed:
            orders.append(resume_recordings(command, transfer, transfer))
    else:
        orders.append(_divert_caller(command, transfer, transfer))
    return tuple(orders)


def find_room_order(room_name: str) -> Order:
    """How the room of an inbound call is found. A caller who is not in it within 20 s has hung
    up."""
    return Order(
        Conferences.find_room,
        FindRoomInput(room_name),
        "find the caller's conference",
        start_to_close=3.5,
        schedule_to_close=20.0,
    )
