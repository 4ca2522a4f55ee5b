"""Commands about recordings -> activities, and what these answer in the machine's words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from temporalio import workflow

from workflows.dispatch_order import Notice, Order

with workflow.unsafe.imports_passed_through():
    from activities.conferences import Conferences, ReadRoomInput
    from activities.recordings import Recordings, RecordingsInput
    from activities.room import Room, RoomRecordings
    from workflows.machine.commands import Command
    from workflows.machine.events import OwnerSought, RecordingsReading
    from workflows.machine.model import Transfer
    from workflows.machine.recordings import is_private
    from workflows.messages import hold_workflow_id


def must_pause(now: Transfer) -> bool:
    """Whether a hold of the caller pauses the recordings first: an agent stays behind who may talk
    to the target in private."""
    return is_private(now) and now.agent.is_live


def recordings_reading(result: Any) -> RecordingsReading | None:
    """What an activity's answer says of the recordings; None if it did not look."""
    found = result.recordings if isinstance(result, Room) else result
    if not isinstance(found, RoomRecordings):
        return None
    return RecordingsReading(found.running, found.paused, found.changed)


def read_order(conference_sid: str) -> Order:
    """Short: the hold that waits for it looks again if need be."""
    return Order(
        Recordings.read_recordings,
        RecordingsInput(conference_sid),
        "what records the room?",
        start_to_close=3.0,
        schedule_to_close=5.0,
    )


def pause_order(conference_sid: str) -> Order:
    """The agent who pressed the button waits for it with a card in hand."""
    return Order(
        Recordings.pause_recordings,
        RecordingsInput(conference_sid),
        "pause the recording",
        start_to_close=4.0,
        schedule_to_close=8.0,
    )


def resume_order(conference_sid: str, sids: tuple[str, ...]) -> Order:
    """Those of `sids` that are paused."""
    return Order(
        Recordings.resume_recordings,
        RecordingsInput(conference_sid, sids),
        "resume the recording",
        start_to_close=4.0,
        schedule_to_close=8.0,
    )


def read_recordings(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    return read_order(now.conference_sid)


def look_order(conference_sid: str) -> Order:
    """For whoever does not know whether others talk while the caller is on hold."""
    return Order(
        Conferences.read_room,
        ReadRoomInput(conference_sid),
        "is anybody on hold?",
        start_to_close=3.0,
        schedule_to_close=5.0,
    )


def is_anybody_held(room: Room) -> bool:
    """Whether somebody is on hold beside whom others may talk."""
    return any(leg.held and not leg.is_supervisor for leg in room.legs)


def hold_sought(conference_sid: str) -> Notice:
    """Whether an agent holds the caller on purpose."""
    return Notice((hold_workflow_id(conference_sid),), asdict(OwnerSought()))


def pause_recordings(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    return pause_order(now.conference_sid)


def resume_recordings(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    """What is owed when its turn has come: a person may have had it paused since."""
    return resume_order(now.conference_sid, now.recordings.owed)
