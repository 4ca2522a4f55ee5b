"""Words of holds and transfers to other workflows of the call, and announcements."""

from __future__ import annotations

from dataclasses import asdict

from temporalio import workflow

from workflows.dispatch_order import A_FEW_TIMES, Notice, Order

with workflow.unsafe.imports_passed_through():
    from activities.conferences import AnnounceInput, Conferences
    from activities.participants import MuteInput, Participants
    from workflows.hold_messages import AnnounceOrder, MuteOrder
    from workflows.machine.commands import Command, TellSupervision
    from workflows.machine.events import (
        HoldReported,
        OwnerEnded,
        OwnerSought,
        TransferReported,
    )
    from workflows.machine.holding import CALL, flagged_sids, transfer_started
    from workflows.machine.model import Transfer
    from workflows.messages import (
        ANNOUNCE_PATH,
        HOLD_NOTICE_PATH,
        HOLD_REMINDER_PATH,
        call_workflow_id,
        hold_workflow_id,
        supervision_workflow_id,
        transfer_workflow_id,
    )


def tell_hold(_command: Command, _begun: Transfer, now: Transfer) -> Notice:
    return Notice((hold_workflow_id(now.conference_sid),), asdict(transfer_started(now)))


def tell_supervision(command: Command, _begun: Transfer, now: Transfer) -> Notice:
    consult = command.consult if isinstance(command, TellSupervision) else ""
    report = TransferReported(consult=consult)
    return Notice((supervision_workflow_id(now.conference_sid),), asdict(report))


def ask_transfer(_command: Command, _begun: Transfer, now: Transfer) -> Notice:
    return Notice((transfer_workflow_id(now.conference_sid),), asdict(HoldReported()))


def ask_call(_command: Command, _begun: Transfer, now: Transfer) -> Notice:
    return Notice((call_workflow_id(now.conference_sid),), asdict(OwnerSought()))


def ask_owners(_command: Command, _begun: Transfer, now: Transfer) -> Notice:
    owners = (hold_workflow_id(now.conference_sid), transfer_workflow_id(now.conference_sid))
    return Notice(owners, asdict(OwnerSought(by=CALL)))


def tell_call(_command: Command, _begun: Transfer, now: Transfer) -> Notice:
    return Notice((call_workflow_id(now.conference_sid),), asdict(OwnerEnded()))


def report_hold(_command: Command, _begun: Transfer, now: Transfer) -> Notice:
    """What is true once no change of the hold is under way any more. A last change whose outcome
    could not be had is reported as in effect: to undo what was not done does no harm."""
    is_held = now.caller.held is not now.caller.is_hold_doubtful
    report = HoldReported(hold="on" if is_held else "off", flagged=flagged_sids(now))
    return Notice((transfer_workflow_id(now.conference_sid),), asdict(report))


def notify_caller(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    return _announce(now.conference_sid, now.caller.call_sid, HOLD_NOTICE_PATH, "hold notice")


def remind_agent(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    return _announce(now.conference_sid, now.agent.call_sid, HOLD_REMINDER_PATH, "hold reminder")


def _announce(conference_sid: str, call_sid: str, path: str, summary: str) -> Order:
    return Order(
        Conferences.announce,
        AnnounceInput(conference_sid=conference_sid, path=path, call_sid=call_sid),
        summary,
        start_to_close=3.5,
        schedule_to_close=10.0,
        retry=A_FEW_TIMES,
    )


def announce_order(given: AnnounceOrder) -> Order:
    """How a text is spoken: by an id, under which the API answers it. Never by the text itself."""
    path = f"{ANNOUNCE_PATH}/{given.conference_sid}/{given.part}"
    return _announce(given.conference_sid, given.call_sid, path, "announcement")


def mute_order(given: MuteOrder) -> Order:
    """How a leg is muted or un-muted."""
    return Order(
        Participants.mute_participant,
        MuteInput(given.conference_sid, given.call_sid, given.muted),
        "mute" if given.muted else "un-mute",
        start_to_close=3.5,
        schedule_to_close=10.0,
    )
