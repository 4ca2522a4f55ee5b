"""Walks through an agent's hold, alone and together with a transfer. See `paths.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tests.workflows.room import AGENT, CALLER
from workflows.hold_messages import HoldView
from workflows.machine.events import LegAnswered
from workflows.machine.model import HoldLimit, Kind, Policy
from workflows.messages import TransferView

if TYPE_CHECKING:
    from tests.workflows.conftest import Stage

Path = Callable[["Stage"], Awaitable[Any]]


async def hold_resumed_by_agent(stage: Stage) -> HoldView:
    """The agent takes the caller back."""
    hold = await stage.start_hold()
    await stage.until("held")
    await stage.ask("resume")
    return await hold.result()


async def hold_to_its_maximum(stage: Stage) -> HoldView:
    """Notices, the reminder, and then the caller is given back."""
    policy = Policy(hold_seconds_max=1.2, hold_reminder_seconds=0.4, hold_notice_seconds=0.3)
    hold = await stage.start_hold(policy)
    return await hold.result()


async def hold_to_the_ladder(stage: Stage) -> HoldView:
    """An agent who lets the time pass: the policy sends the caller to the apology."""
    policy = Policy(hold_seconds_max=0.4, hold_reminder_seconds=0.2, at_hold_max=HoldLimit.RECOVER)
    hold = await stage.start_hold(policy)
    return await hold.result()


async def hold_agent_is_recalled(stage: Stage) -> HoldView:
    """The agent's phone dies with a caller on hold: it is rung, and has the caller back."""
    hold = await stage.start_hold()
    await stage.until("held")
    await stage.hang_up(AGENT)
    recall = await stage.room.ringing(f"{stage.part}-r1")
    stage.room.answer(recall)
    await stage.tell(LegAnswered(call_sid=recall.call_sid, label=recall.label))
    return await hold.result()


async def hold_nobody_comes_back(stage: Stage) -> HoldView:
    """The agent's phone dies and is not answered: the caller may leave a message."""
    hold = await stage.start_hold()
    await stage.until("held")
    await stage.hang_up(AGENT)
    recall = await stage.room.ringing(f"{stage.part}-r1")
    await stage.hang_up(recall.call_sid, cause="no_answer")
    return await hold.result()


async def hold_caller_hangs_up(stage: Stage) -> HoldView:
    """The caller does not wait."""
    hold = await stage.start_hold()
    await stage.until("held")
    await stage.hang_up(CALLER)
    return await hold.result()


async def hold_that_twilio_refuses(stage: Stage) -> HoldView:
    """The agent is not on the call: nothing was touched."""
    stage.room.fail("hold_participant", "unmet")
    return await (await stage.start_hold()).result()


async def hold_taken_over(stage: Stage) -> HoldView:
    """The agent transfers from hold; the target is busy."""
    hold = await stage.start_hold()
    await stage.until("held")
    transfer = await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    await transfer.result()
    stage.handle = hold
    return await hold.result()


async def warm_from_hold_fails(stage: Stage) -> TransferView:
    """A transfer from hold that fails gives the caller back un-held."""
    await stage.start_hold()
    await stage.until("held")
    transfer = await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    return await transfer.result()


HOLD_PATHS: dict[Path, tuple[str, str]] = {
    hold_resumed_by_agent: ("resumed", "resumed_by_agent"),
    hold_to_its_maximum: ("resumed", "hold_timeout"),
    hold_to_the_ladder: ("diverted", "hold_timeout"),
    hold_agent_is_recalled: ("resumed", "agent_hung_up"),
    hold_nobody_comes_back: ("diverted", "agent_hung_up"),
    hold_caller_hangs_up: ("abandoned", "caller_hung_up"),
    hold_that_twilio_refuses: ("failed", "agent_not_on_call"),
    hold_taken_over: ("taken_over", "taken_over"),
    warm_from_hold_fails: ("failed", "target_busy"),
}
"""Each path -> the state and the reason in which it ends."""
