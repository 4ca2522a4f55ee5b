"""The worker process of the floor, with the engine's worker options."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

import worker as engine
from activities.client import HttpClient
from benchmarks.floor import QUEUE, Floor, Twilio
from benchmarks.processes import CACHED_WORKFLOWS


async def main() -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    http = HttpClient(os.environ["TWILIO_BASE_URL"])
    auth = (os.environ["TWILIO_API_KEY_SID"], os.environ["TWILIO_API_KEY_SECRET"])
    try:
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[Floor],
            activities=[Twilio(http, auth).request],
            workflow_runner=engine.workflow_runner(is_sandboxed=False),
            max_cached_workflows=CACHED_WORKFLOWS,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=engine.STICKY_SECONDS),
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(engine.WORKFLOW_POLLERS),
            nonsticky_to_sticky_poll_ratio=engine.NONSTICKY_RATIO,
            max_concurrent_activities=engine.ACTIVITIES_MAX,
        ):
            print("worker ready", flush=True)
            await stop.wait()
    finally:
        await http.close()


if __name__ == "__main__":
    asyncio.run(main())
