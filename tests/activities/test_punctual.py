"""An attempt that was handed out when its time was over does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.errors import UNAVAILABLE, TwilioError
from activities.punctual import LEAST_SECONDS, Punctual


class Body(ActivityInboundInterceptor):
    """What would be carried out."""

    def __init__(self) -> None:
        self.count = 0

    async def execute_activity(self, given: ExecuteActivityInput) -> Any:
        self.count += 1
        return "done"


async def begun(body: Body, after: float, limit: float | None) -> Any:
    """One attempt that starts `after` seconds since the activity was first scheduled."""
    environment = ActivityEnvironment()
    info = environment.info
    environment.info = replace(
        info,
        started_time=info.scheduled_time + timedelta(seconds=after),
        schedule_to_close_timeout=None if limit is None else timedelta(seconds=limit),
    )

    @activity.defn(name="anything")
    async def anything() -> Any:
        given = ExecuteActivityInput(fn=anything, args=[], executor=None, headers={})
        return await Punctual().intercept_activity(body).execute_activity(given)

    return await environment.run(anything)


@pytest.mark.parametrize("after", [20.0, 20.0 - LEAST_SECONDS / 2, 160.0])
async def test_attempt_that_begins_when_its_time_is_over_does_nothing(after: float) -> None:
    body = Body()
    with pytest.raises(TwilioError) as raised:
        await begun(body, after, 20.0)
    assert raised.value.type == UNAVAILABLE
    assert body.count == 0


@pytest.mark.parametrize(("after", "limit"), [(0.01, 20.0), (19.0, 20.0), (1000.0, None)])
async def test_attempt_that_begins_in_time_is_carried_out(
    after: float, limit: float | None
) -> None:
    body = Body()
    assert await begun(body, after, limit) == "done"
    assert body.count == 1
