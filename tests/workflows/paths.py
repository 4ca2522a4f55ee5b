"""One walk per path through the tables, used twice: to record histories and to see they end well.

Each takes a stage, plays the people, and answers the result. The name is the history's file name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from activities.room import RoomLeg
from tests.workflows.room import AGENT, CALLER
from tests.workflows.supervised import warm_tells_who_stays_with_the_caller
from workflows.machine.events import LegAnswered, LegJoined, LegRang, LegScreened
from workflows.machine.model import Accept, Kind, Policy, ReleaseAgent, Target
from workflows.messages import CallView, RecordingView, TransferView

if TYPE_CHECKING:
    from tests.workflows.conftest import Stage

Path = Callable[["Stage"], Awaitable[Any]]


async def warm_completed_after_swap(stage: Stage) -> TransferView:
    """Consult, back to the caller, to the target again, complete."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("swap")
    await stage.until("revisiting")
    await stage.ask("swap")
    await stage.until("consulting")
    await stage.ask("complete")
    return await handle.result()


async def warm_completed_after_join(stage: Stage) -> TransferView:
    """Consult, all three, complete."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("join")
    await stage.until("conferring")
    await stage.ask("complete")
    return await handle.result()


async def warm_completed_by_hangup(stage: Stage) -> TransferView:
    """The agent hangs up in the consult: that gives the caller to the target."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    await stage.hang_up(AGENT)
    return await handle.result()


async def warm_left_while_ringing(stage: Stage) -> TransferView:
    """The agent completes while the target rings; the caller waits for the answer."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.room.ringing(f"{stage.part}-t1")
    await stage.ask("complete")
    await stage.answer()
    return await handle.result()


async def warm_cancelled_in_consult(stage: Stage) -> TransferView:
    """The agent takes the caller back."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("cancel")
    return await handle.result()


async def warm_cancelled_while_aside(stage: Stage) -> TransferView:
    """Back with the caller while the target rings, then cancel."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.room.ringing(f"{stage.part}-t1")
    await stage.ask("swap")
    await stage.until("dialing_aside")
    await stage.ask("cancel")
    return await handle.result()


async def warm_busy_then_next_target(stage: Stage) -> TransferView:
    """The first target is busy, the second takes the call."""
    handle = await stage.start(Kind.WARM, "client:bob", "client:carol")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    await stage.answer(2)
    await stage.until("consulting")
    await stage.ask("complete")
    return await handle.result()


async def warm_target_rejects(stage: Stage) -> TransferView:
    """The only target rejects: the caller is back with the agent."""
    handle = await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="rejected")
    return await handle.result()


async def warm_target_hangs_up_in_consult(stage: Stage) -> TransferView:
    """The target leaves the consult: the caller is back with the agent."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    await stage.hang_up(stage.room.leg_of(f"{stage.part}-t1").call_sid)
    return await handle.result()


async def warm_caller_hangs_up_in_consult(stage: Stage) -> TransferView:
    """The caller leaves: every leg is ended."""
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    await stage.hang_up(CALLER)
    return await handle.result()


async def warm_dial_refused(stage: Stage) -> TransferView:
    """Twilio refuses to dial: the caller is back with the agent."""
    stage.room.fail("add_participant", "refused", code=21215)
    handle = await stage.start(Kind.WARM, "+15550123")
    return await handle.result()


async def cold_completed_on_answer(stage: Stage) -> TransferView:
    """The agent keeps the caller until a person answers."""
    handle = await stage.start(Kind.COLD, "+15550123")
    await stage.answer()
    return await handle.result()


async def cold_completed_on_dial(stage: Stage) -> TransferView:
    """The classic blind transfer."""
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "+15550123", policy=policy)
    await stage.until("awaiting")
    await stage.answer()
    return await handle.result()


async def cold_completed_on_ringing(stage: Stage) -> TransferView:
    """The agent leaves when the phone rings."""
    policy = Policy(release_agent=ReleaseAgent.ON_RINGING, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "+15550123", policy=policy)
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.tell(LegRang(call_sid=leg.call_sid, label=leg.label))
    await stage.until("awaiting")
    await stage.answer()
    return await handle.result()


async def cold_recalls_agent(stage: Stage) -> TransferView:
    """Nobody takes a blind transfer: the agent is rung back."""
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "+15550123", policy=policy)
    await stage.until("awaiting")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    recall = await stage.room.ringing(f"{stage.part}-r1")
    await stage.tell(LegAnswered(call_sid=recall.call_sid, label=recall.label))
    return await handle.result()


async def cold_ends_in_apology(stage: Stage) -> TransferView:
    """Nobody takes the call, nor does the agent: the caller may leave a message."""
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "+15550123", policy=policy)
    await stage.until("awaiting")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="no_answer")
    recall = await stage.room.ringing(f"{stage.part}-r1")
    await stage.hang_up(recall.call_sid, cause="no_answer")
    return await handle.result()


async def cold_target_presses_1(stage: Stage) -> TransferView:
    """The target hears a question first, presses the key, and joins by itself."""
    target = Target("+15550123", accept=Accept.PRESS_1)
    handle = await stage.start(Kind.COLD, target)
    label = f"{stage.part}-t1s"
    leg = await stage.room.ringing(label)
    await stage.tell(LegAnswered(call_sid=leg.call_sid, label=label))
    await stage.until("screening")
    await stage.tell(LegScreened(call_sid=leg.call_sid, label=label, willing=True))
    room = stage.room.conference_sid
    await stage.tell(LegJoined(call_sid=leg.call_sid, label=label, conference_sid=room))
    return await handle.result()


async def cold_machine_answers(stage: Stage) -> TransferView:
    """A machine picks up: that is no answer."""
    handle = await stage.start(Kind.COLD, Target("+15550123", detect_machine=True))
    label = f"{stage.part}-t1"
    leg = await stage.room.ringing(label)
    await stage.tell(LegAnswered(call_sid=leg.call_sid, label=label))
    await stage.tell(LegScreened(call_sid=leg.call_sid, label=label, cause="machine"))
    return await handle.result()


PRIVATE = Policy(guard_seconds=0.2, pause_recordings=True)


async def warm_recorded_but_for_the_consult(stage: Stage) -> TransferView:
    """The conversation is recorded, the consult is not, however often the agent swaps."""
    stage.room.tape = "running"
    handle = await stage.start(Kind.WARM, "client:bob", policy=PRIVATE)
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("swap")
    await stage.until("revisiting")
    await stage.ask("swap")
    await stage.until("consulting")
    await stage.ask("complete")
    return await handle.result()


async def warm_recording_paused_by_a_person(stage: Stage) -> TransferView:
    """The agent has the recording paused in the consult, and it stays paused."""
    stage.room.tape = "running"
    handle = await stage.start(Kind.WARM, "client:bob", policy=PRIVATE)
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("pause_recording")
    await stage.ask("complete")
    return await handle.result()


async def warm_recording_wanted_back_in_the_consult(stage: Stage) -> TransferView:
    """Paused before the transfer, wanted back in the consult, recording after it."""
    stage.room.tape = "paused"
    handle = await stage.start(Kind.WARM, "client:bob", policy=PRIVATE)
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("resume_recording")
    await stage.ask("complete")
    return await handle.result()


async def warm_recording_cannot_be_paused(stage: Stage) -> TransferView:
    """Nobody is rung while the consult would be recorded."""
    stage.room.tape = "running"
    stage.room.fail("hold_participant", "refused", cause="recorded")
    handle = await stage.start(Kind.WARM, "client:bob", policy=PRIVATE)
    return await handle.result()


async def recording_paused_between_transfers(stage: Stage) -> RecordingView:
    """A person has it paused while no transfer lives."""
    stage.room.tape = "running"
    await stage.record("pause")
    stage.handle = stage.recording
    return RecordingView(**await stage.recording.result())


async def call_taken_by_second_agent(stage: Stage) -> CallView:
    """The first agent does not answer, the second does; later the caller hangs up."""
    await stage.start_call("client:alice", "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="no_answer")
    await stage.answer(2)
    await stage.until("talking")
    await stage.hang_up(CALLER)
    return await stage.handle.result()


async def call_ends_when_agent_hangs_up(stage: Stage) -> CallView:
    """The agent hangs up: the room is read, and the caller who is alone in it is let go."""
    await stage.start_call("client:alice")
    await stage.answer()
    await stage.until("talking")
    await stage.hang_up(stage.room.leg_of(f"{stage.part}-t1").call_sid)
    return await stage.handle.result()


async def call_goes_on_after_transfer(stage: Stage) -> CallView:
    """Somebody unknown to the call leaves, as after a transfer: the others go on talking."""
    await stage.start_call("client:alice")
    await stage.answer()
    await stage.until("talking")
    stranger = "CA" + "5" * 32
    stage.room.legs[stranger] = RoomLeg(stranger)
    await stage.hang_up(stranger)
    await asyncio.wait_for(stage.room.entered["read_room"].wait(), 15)
    await stage.until("talking")
    await stage.hang_up(CALLER)
    return await stage.handle.result()


async def call_that_nobody_takes(stage: Stage) -> CallView:
    """No agent answers: the caller hears the apology."""
    await stage.start_call("client:alice")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    return await stage.handle.result()


CALL_PATHS: dict[Path, tuple[str, str]] = {
    call_taken_by_second_agent: ("ended", "caller_hung_up"),
    call_ends_when_agent_hangs_up: ("ended", "call_ended"),
    call_goes_on_after_transfer: ("ended", "caller_hung_up"),
    call_that_nobody_takes: ("diverted", "nobody_answered"),
}
"""Each path of a call between transfers -> how it ends."""

PATHS: dict[Path, tuple[str, str]] = {
    warm_completed_after_swap: ("completed", "completed"),
    warm_completed_after_join: ("completed", "completed"),
    warm_completed_by_hangup: ("completed", "completed_by_hangup"),
    warm_left_while_ringing: ("completed", "completed"),
    warm_cancelled_in_consult: ("cancelled", "cancelled_by_agent"),
    warm_cancelled_while_aside: ("cancelled", "cancelled_by_agent"),
    warm_busy_then_next_target: ("completed", "completed"),
    warm_target_rejects: ("failed", "target_rejected"),
    warm_target_hangs_up_in_consult: ("failed", "target_hung_up"),
    warm_caller_hangs_up_in_consult: ("abandoned", "caller_hung_up"),
    warm_dial_refused: ("failed", "target_failed"),
    cold_completed_on_answer: ("completed", "completed"),
    cold_completed_on_dial: ("completed", "completed"),
    cold_completed_on_ringing: ("completed", "completed"),
    cold_recalls_agent: ("failed", "target_busy"),
    cold_ends_in_apology: ("diverted", "nobody_answered"),
    cold_target_presses_1: ("completed", "completed"),
    cold_machine_answers: ("failed", "target_machine"),
    warm_recorded_but_for_the_consult: ("completed", "completed"),
    warm_recording_paused_by_a_person: ("completed", "completed"),
    warm_recording_wanted_back_in_the_consult: ("completed", "completed"),
    warm_recording_cannot_be_paused: ("failed", "recording_not_paused"),
    warm_tells_who_stays_with_the_caller: ("completed", "completed"),
}
"""Each path -> the state and the reason in which it ends."""

RECORDING_PATHS: tuple[Path, ...] = (recording_paused_between_transfers,)
"""Each ends with the recording paused."""
