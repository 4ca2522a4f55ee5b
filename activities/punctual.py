"""No attempt begins when its time is over: what it did would be known to nobody.

Where Temporal was away for longer than an activity may take, it hands the activity out and gives it
up in the same moment. The workflow goes on from "nothing came of it", and beside it the attempt
would put the caller on hold, or ring a phone. Both moments are told by Temporal's own clock.
"""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.errors import not_yet

LEAST_SECONDS = 0.25
"""Less than this is not enough for one request and its answer."""


class Punctual(Interceptor):
    """For the worker: turns away attempts that were begun too late."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Called by the SDK for each attempt."""
        return _Punctual(next)


class _Punctual(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        """The attempt. Raises `unavailable` where nobody would hear of it any more."""
        info = activity.info()
        limit = info.schedule_to_close_timeout
        if limit is not None:
            left = limit - (info.started_time - info.scheduled_time)
            if left.total_seconds() < LEAST_SECONDS:
                raise not_yet("begun when its time was over")
        return await self.next.execute_activity(input)
