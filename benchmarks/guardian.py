"""What the guardian costs: `python -m benchmarks.guardian [seconds]`.

Counted on a stack with nothing to be found: billable actions of Temporal's from the guardian's own
history, requests to Twilio from the simulator's log. Both scale with time alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter

from temporalio.api.history.v1 import HistoryEvent

from benchmarks.actions import actions_of
from tests.e2e.scene import Scene
from tests.e2e.stack import AGENTS, Options, Stack
from tests.e2e.telephones import Telephones
from workflows.messages import GUARDIAN_WORKFLOW_ID

SECONDS = 65.0
HOUR = 3600.0
RUN_ONCE = frozenset({"start"})
"""Actions of the first start alone."""


async def measure(seconds: float) -> tuple[Counter[str], Counter[str], float]:
    """Actions and requests by kind, and over how many seconds they were counted."""
    async with Stack(Options(workers=1)) as stack:
        phones = Telephones(stack)
        scene = Scene(stack, "+15550105001", AGENTS[0])
        await phones.behave(AGENTS[0], "answer")
        await scene.open()
        first, began = await _history(stack), time.time()
        await asyncio.sleep(seconds)
        last, ended = await _history(stack), time.time()
        made = (await phones.ask("GET", "/requests"))["requests"]
        requests = Counter(each["route"] for each in made if began <= each["at"] < ended)
        return actions_of(last) - actions_of(first), requests, ended - began


async def _history(stack: Stack) -> list[HistoryEvent]:
    client = await stack.temporal()
    handle = client.get_workflow_handle(GUARDIAN_WORKFLOW_ID)
    return [event async for event in handle.fetch_history_events()]


def main() -> None:
    """Measure, and print what an hour costs."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    actions, requests, took = asyncio.run(measure(seconds))
    sys.stdout.write(f"counted over {took:.0f} s with one call and nothing to be found\n")
    for title, counted in (("actions", actions), ("requests to Twilio", requests)):
        for kind, count in sorted(counted.items()):
            if kind not in RUN_ONCE:
                per_hour = count * HOUR / took
                sys.stdout.write(f"  {title:>20} {kind:<22} {count:4}   {per_hour:6.0f} an hour\n")


if __name__ == "__main__":
    main()
