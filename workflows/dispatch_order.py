"""What an activity is started with, and how: no option is left to a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from workflows.messages import FACT

QUICKLY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=2),
    maximum_attempts=0,
)
"""For what may be repeated: reads, and writes of a final state. `schedule_to_close` ends it."""

UNHURRIED = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=0,
)
"""For what must be done once Twilio is back, and nobody waits for."""

LOOK_FIRST = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=1.0,
    maximum_interval=timedelta(seconds=1),
    maximum_attempts=0,
)
"""For creates. From the second attempt on the activity looks for what the first one may have made;
a second between two looks, because Twilio does not say how soon a create can be read."""


OUTLAST_SECONDS = 600.0
"""How long it is tried to end what nobody else would end, a task or a call's room: longer than an
outage of Twilio mostly is. The guardian takes a task that TaskRouter has begun to wrap up for one
whose worker wanted the time, and ends nobody's talk."""
HEARTBEAT_SECONDS = 2.0
"""How long a worker that died in the middle of an attempt is missed: four signs of life
(`activities/pulse.py`) that did not come. Less would take a busy worker for a dead one."""
A_FEW_TIMES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_attempts=3,
)
"""For announcements: spoken twice after a lost answer is better than never, and not for long."""


@dataclass(frozen=True)
class Order:
    """One activity, ready to be started."""

    activity: Callable[..., Any]
    given: Any
    summary: str
    start_to_close: float
    schedule_to_close: float
    retry: RetryPolicy = field(default_factory=lambda: QUICKLY)
    heartbeat: float | None = HEARTBEAT_SECONDS
    """None: nobody waits for it, so that a dead worker may be missed until its time is up."""


@dataclass(frozen=True)
class Notice:
    """A word to other workflows of the call, which may not be there, as the `fact` signal that
    everybody hears. Its outcome is whether it was heard."""

    workflow_ids: tuple[str, ...]
    fact: dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """What became of a notice: whether at least one of the workflows lives, and will hear it."""

    by_anybody: bool


async def carry_out(order: Order | Notice) -> Any:
    """Run the activity of `order`, with nothing left to defaults; or pass on a notice.

    Raises `ActivityError` when its time is up or its failure is final. A notice is with the other
    workflows when this returns, before anything that is begun afterwards.
    """
    if isinstance(order, Notice):
        heard = [await _told(each, order.fact) for each in order.workflow_ids]
        return Heard(any(heard))
    return await begin(order)


def begin(order: Order) -> workflow.ActivityHandle[Any]:
    """The activity of `order`, under way. After a `cancel` of the handle it is not tried again: an
    attempt under way ends by itself, and what became of it is the outcome.

    A request is never cut in half, whose effect would be unknown: see `activities/pulse.py`.
    """
    return workflow.start_activity(
        order.activity,
        order.given,
        start_to_close_timeout=timedelta(seconds=order.start_to_close),
        schedule_to_close_timeout=timedelta(seconds=order.schedule_to_close),
        heartbeat_timeout=timedelta(seconds=order.heartbeat) if order.heartbeat else None,
        retry_policy=order.retry,
        summary=order.summary,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


async def _told(workflow_id: str, fact: dict[str, Any]) -> bool:
    """Whether a workflow lives to hear the fact. A signal that Temporal took is never lost."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(FACT, fact)
    except FailureError:
        # Temporal knows one reason: there is no workflow of this id that is running.
        return False
    return True
