"""How often one workflow may ask Twilio in vain.

A fault that lasts must not become a busy loop: neither of retries of one command, nor of commands
that each begin anew. So the requests of failed attempts are added up per workflow, whichever
command they were for, and the more there are the longer its next attempt waits. The first failures
cost no time: most faults are over in a second.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.errors import UNAVAILABLE, TwilioError, delayed
from activities.throttle import TALLY, Priority, Tally, priority_here

FREE_REQUESTS = 6
"""So many requests may be in vain before it is waited longer than the retry policy says."""
WAIT_SECONDS_MAX = 20.0
"""Between two attempts in the end. A caller on hold waits no longer than this for a Twilio that is
back."""
FORGOTTEN_SECONDS = 120.0
"""Without a failure for so long, a workflow begins anew."""
WORKFLOWS_MAX = 10_000
"""Workflows with failures that are remembered."""


@dataclass
class _Vain:
    requests: int = 0
    at: float = 0.0


class Patience(Interceptor):
    """Spaces out the attempts of workflows that ask Twilio in vain. One per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._vain: OrderedDict[str, _Vain] = OrderedDict()

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        """Called by the SDK for each attempt."""
        return _Patient(next, self)

    def wait_after(self, workflow: str, requests: int) -> float:
        """Seconds until the next attempt, after one that asked so often in vain."""
        now = self._clock()
        vain = self._vain.pop(workflow, _Vain())
        if now - vain.at > FORGOTTEN_SECONDS:
            vain = _Vain()
        vain.requests, vain.at = vain.requests + requests, now
        self._vain[workflow] = vain
        while len(self._vain) > WORKFLOWS_MAX:
            self._vain.popitem(last=False)
        over = vain.requests - FREE_REQUESTS
        return min(WAIT_SECONDS_MAX, 2.0 ** min((over + 1) / 2, 10.0)) if over > 0 else 0.0


class _Patient(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, patience: Patience) -> None:
        super().__init__(inner)
        self._patience = patience

    async def execute_activity(
        self,
        input: ExecuteActivityInput,  # noqa: A002 - the SDK's name
    ) -> Any:
        """The attempt; a failure that is worth another one says when."""
        tally = Tally()
        token = TALLY.set(tally)
        try:
            return await self.next.execute_activity(input)
        except TwilioError as error:
            if error.kind != UNAVAILABLE or priority_here() is Priority.PROBE:
                raise
            run = activity.info().workflow_run_id or ""
            raise delayed(error, self._patience.wait_after(run, tally.requests)) from None
        finally:
            TALLY.reset(token)
