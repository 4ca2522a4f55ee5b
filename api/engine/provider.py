"""Whether Twilio is down, as the workers have found.

The api asks Twilio nothing. A worker that finds Twilio down starts a workflow that runs for as long
as it is, so a look at that workflow tells. It is kept for a second: a start never waits for more
than the look it makes beside its others, and learns of an outage, and of its end, within that time.
"""

from __future__ import annotations

import asyncio
import time

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from api.engine.temporal import EngineUnreachableError, Temporal
from workflows.messages import PROVIDER_WORKFLOW_ID

FRESH_SECONDS = 1.0
"""How long an answer is kept."""


class ProviderDownError(Exception):
    """Twilio is down: nothing new is begun."""


class Provider:
    """Answers whether Twilio is down."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal
        self._is_down = False
        self._looked_at = -FRESH_SECONDS
        self._look = asyncio.Lock()

    async def is_down(self) -> bool:
        """Whether a worker has found Twilio down. Not knowing counts as no: if Temporal does not
        answer either, the start itself will say so."""
        async with self._look:
            if time.monotonic() - self._looked_at >= FRESH_SECONDS:
                try:
                    found = await self._temporal.describe(PROVIDER_WORKFLOW_ID)
                except (EngineUnreachableError, RPCError):
                    return False
                running = WorkflowExecutionStatus.RUNNING
                self._is_down = found is not None and found.status == running
                self._looked_at = time.monotonic()
            return self._is_down
