"""The worker of the next build, for tests of a deployment: today's, with its code changed.

`HANDOVER_NEXT` says how: `patched` has a step more before each command, behind `patched()`, as a
change must be made; `careless` has the same step without it, as it must not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from temporalio import workflow

import worker
from workflows.machine.commands import Command
from workflows.shell import Shell

CHANGE = "next-build-pauses-before-commands"
PAUSE_SECONDS = 0.01


def change(kind: str) -> None:
    """Put the next build's code in place of today's."""
    today = Shell._carry_out_one

    async def next_build(
        self: Shell, command: Command, begun: Any, first: Sequence[asyncio.Task[None]]
    ) -> None:
        if kind == "careless" or workflow.patched(CHANGE):
            await workflow.sleep(PAUSE_SECONDS, summary="the next build's step")
        await today(self, command, begun, first)

    Shell._carry_out_one = next_build  # type: ignore[method-assign]


if __name__ == "__main__":
    change(os.environ["HANDOVER_NEXT"])
    worker.leave(worker.main())
