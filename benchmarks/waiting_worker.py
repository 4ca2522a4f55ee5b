"""The engine's worker with activities that are answered at once: for transfers that only wait."""

from __future__ import annotations

import asyncio
import signal
import uuid

from temporalio import activity

import worker as engine
from activities.creating import AddedLeg
from activities.participants import AddInput, HoldInput
from activities.room import Room, RoomLeg
from benchmarks.processes import CACHED_WORKFLOWS
from workflows import connection, logs, telemetry


@activity.defn(name="hold_participant")
async def hold(given: HoldInput) -> Room:
    """Caller on hold, agent there."""
    legs = (RoomLeg(given.call_sid, held=True), RoomLeg(given.agent_call_sid))
    return Room(given.conference_sid, "room", True, legs)


@activity.defn(name="add_participant")
async def dial(given: AddInput) -> AddedLeg:
    """The target's phone rings, and goes on ringing."""
    return AddedLeg("CA" + uuid.uuid4().hex, is_adopted=False)


async def main() -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = engine.WorkerSettings(handover_cached_workflows=CACHED_WORKFLOWS)
    logs.configure("json")
    client = await connection.connect(telemetry.runtime(""))
    async with engine.build_worker(client, [hold, dial], settings):
        print("worker ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
