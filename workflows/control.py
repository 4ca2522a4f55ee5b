"""What is done to a call without moving anybody: mute, un-mute, and spoken announcements.

Mute and un-mute of one call go through one workflow, one after the other: an older request that is
still being repeated can never undo a newer one.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.dispatch_hold import announce_order, mute_order
from workflows.dispatch_order import Order, carry_out

with workflow.unsafe.imports_passed_through():
    from workflows.hold_messages import AnnounceOrder, ControlView, MuteOrder


@workflow.defn(name="ControlWorkflow")
class ControlWorkflow:
    """Mute and un-mute of one call. Id: `control/{ConferenceSid}`; ends when nothing is left."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._is_asked = False

    @workflow.run
    async def run(self, conference_sid: str) -> None:
        """Lives as long as something is asked of it. Begun together with its first request."""
        await workflow.wait_condition(lambda: self._is_asked)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update(description="Mute or un-mute one leg")
    async def mute(self, given: MuteOrder) -> ControlView:
        """Have one leg heard or not, and answer what was read back."""
        self._is_asked = True
        async with self._turn:
            return await _done(mute_order(given))


@workflow.defn(name="AnnounceWorkflow")
class AnnounceWorkflow:
    """One spoken text. Id: `announce/{ConferenceSid}/{part}`; ends within seconds."""

    @workflow.run
    async def run(self, given: AnnounceOrder) -> ControlView:
        """Have Twilio speak the text, which it fetches from our API by this workflow's id."""
        return await _done(announce_order(given))


async def _done(order: Order) -> ControlView:
    """What became of the order, in the words of an activity's failure."""
    try:
        await carry_out(order)
    except ActivityError as error:
        return ControlView(is_done=False, reason=_reason(error))
    return ControlView(is_done=True)


def _reason(error: ActivityError) -> str:
    kind = getattr(error.cause, "type", None)
    return kind if kind in ("gone", "refused", "unmet") else "unavailable"
