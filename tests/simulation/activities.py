"""Activities: attempts, time limits and retries as Temporal has them, and the worker.

The activities are the real ones. An attempt that is lost with its worker is missed only when its
time is up; one that outlives its time is not listened to any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import temporalio.activity
from temporalio.activity import Info, _ActivityCancellationDetailsHolder, _Context
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import RetryState, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.common import Priority, _CompositeEvent
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.patience import Patience
from activities.punctual import Punctual
from tests.simulation.driver import (
    CONVERTER,
    FAILURES,
    NAMESPACE,
    TASK_QUEUE,
    as_payload,
    from_payload,
)
from workflows.machine.copies import replace

Outcome = Payload | Failure


class ActivityOrders:
    """The activities of one run."""

    def __init__(self, server: Any, run: Any) -> None:
        self.server = server
        self.run = run
        self._open: dict[int, Order] = {}

    def schedule(self, given: Any) -> None:
        self._open[given.seq] = Order(self, given)

    def over(self, seq: int, result: ActivityResolution) -> None:
        """It has come to its end, whatever it is."""
        if self._open.pop(seq, None) is not None:
            self.server.resolve_activity(self.run, seq, result)

    def cancel(self, seq: int) -> None:
        """The workflow does not want it to be tried again."""
        if seq in self._open:
            self._open[seq].cancel()

    def close(self) -> None:
        """The run is over: nobody waits for them any more."""
        for order in self._open.values():
            order.stop()
        self._open.clear()


class Order:
    """One activity, from its schedule to its end."""

    def __init__(self, orders: ActivityOrders, given: Any) -> None:
        self._orders = orders
        self._server = orders.server
        self.given = given
        self.attempt = 0
        self.details: tuple[Any, ...] = ()
        """What the last heartbeat said."""
        self.scheduled_at = self.attempt_scheduled_at = self._server.loop.time()
        self._failure: Failure | None = None
        self._timer: Any = None
        self._is_over = False
        self._is_cancelled = False
        self.is_listening = False
        """Whether the attempt under way still counts."""
        seconds = given.schedule_to_close_timeout.ToNanoseconds() / 1e9
        self._due = self.scheduled_at + seconds
        self._deadline = self._server.later(
            seconds, lambda: self._time_is_up(TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE)
        )
        self._begin_later(self._server.hop())

    def cancel(self) -> None:
        """Not begun again. An attempt under way comes to its end, and is listened to."""
        self._is_cancelled = True
        if not self.is_listening:
            self._cancelled()

    def _cancelled(self) -> None:
        failure = Failure(message="activity cancelled", source="server")
        failure.canceled_failure_info.SetInParent()
        resolution = ActivityResolution()
        resolution.cancelled.failure.CopyFrom(
            self._wrapped(failure, RetryState.RETRY_STATE_UNSPECIFIED)
        )
        self._end(resolution)

    def stop(self) -> None:
        """Not listened to any more."""
        self._is_over = True
        self._deadline.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _begin_later(self, seconds: float) -> None:
        self.attempt_scheduled_at = self._server.loop.time() + seconds
        self._server.later(seconds, lambda: self._server.when_working(self._begin))

    def _begin(self) -> None:
        if self._is_over:
            return
        self.attempt += 1
        self.is_listening = True
        seconds = self.given.start_to_close_timeout.ToNanoseconds() / 1e9
        attempt = self.attempt
        self._timer = self._server.later(seconds, lambda: self._attempt_timed_out(attempt))
        self._server.worker.run_activity(
            self, self._orders.run, lambda outcome: self._report(attempt, outcome)
        )

    def _report(self, attempt: int, outcome: Outcome) -> None:
        """What the worker says. It says so until the server hears it."""
        hop = self._server.hop()
        self._server.later(hop, lambda: self._told(attempt, outcome))

    def _told(self, attempt: int, outcome: Outcome) -> None:
        if self._is_over or attempt != self.attempt or not self.is_listening:
            return
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(outcome, Payload):
            resolution = ActivityResolution()
            resolution.completed.result.CopyFrom(outcome)
            self._end(resolution)
            return
        self._failure = outcome
        info = outcome.application_failure_info
        if info.non_retryable:
            self._fail(outcome, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE)
            return
        asked = info.HasField("next_retry_delay")
        delay = info.next_retry_delay.ToNanoseconds() / 1e9 if asked else self._backoff()
        self._again(delay, outcome)

    def _attempt_timed_out(self, attempt: int) -> None:
        if self._is_over or attempt != self.attempt or not self.is_listening:
            return
        failure = self._timed_out(TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE)
        self._again(self._backoff(), failure)

    def died(self) -> None:
        """Its worker has died: it is missed as soon as signs of life do not come."""
        seconds = self.given.heartbeat_timeout.ToNanoseconds() / 1e9
        if seconds and not self._is_over:
            attempt = self.attempt
            self._server.later(seconds, lambda: self._attempt_timed_out(attempt))

    def _again(self, delay: float, failure: Failure) -> None:
        self.is_listening = False
        policy = self.given.retry_policy
        if self._is_cancelled:
            self._fail(failure, RetryState.RETRY_STATE_CANCEL_REQUESTED)
        elif policy.maximum_attempts and self.attempt >= policy.maximum_attempts:
            self._fail(failure, RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED)
        elif self._server.loop.time() + delay >= self._due:
            self._fail(failure, RetryState.RETRY_STATE_TIMEOUT)
        else:
            self._begin_later(delay)

    def _backoff(self) -> float:
        policy = self.given.retry_policy
        first = policy.initial_interval.ToNanoseconds() / 1e9
        longest = policy.maximum_interval.ToNanoseconds() / 1e9
        return float(min(longest, first * policy.backoff_coefficient ** (self.attempt - 1)))

    def _time_is_up(self, kind: Any) -> None:
        if not self._is_over:
            self._fail(self._timed_out(kind), RetryState.RETRY_STATE_TIMEOUT)

    def _timed_out(self, kind: Any) -> Failure:
        """With what was written down last, as the server adds it."""
        failure = Failure(message="activity timed out", source="server", cause=self._failure)
        failure.timeout_failure_info.timeout_type = kind
        told = [as_payload(each) for each in self.details]
        failure.timeout_failure_info.last_heartbeat_details.payloads.extend(told)
        return failure

    def _fail(self, cause: Failure, state: Any) -> None:
        resolution = ActivityResolution()
        resolution.failed.failure.CopyFrom(self._wrapped(cause, state))
        self._end(resolution)

    def _wrapped(self, cause: Failure, state: Any) -> Failure:
        failure = Failure(message="activity failed", source="server", cause=cause)
        info = failure.activity_failure_info
        info.activity_type.name = self.given.activity_type
        info.activity_id = self.given.activity_id
        info.retry_state = state
        return failure

    def _end(self, resolution: ActivityResolution) -> None:
        self.stop()
        self._orders.over(self.given.seq, resolution)


class _Plain(ActivityInboundInterceptor):
    """The activity itself, behind the product's interceptors."""

    def __init__(self) -> None:
        """Nothing comes after it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        return await input.fn(*input.args)


class Worker:
    """The worker process: its memory, and the activities under way in it."""

    def __init__(self, activities: Sequence[Callable[..., Any]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._activities: dict[str, Any] = {}
        self.learns(*activities)
        self._running: dict[asyncio.Task[None], Order] = {}
        self._patience = Patience(self._loop.time)
        """As in `worker.py`: what was asked in vain is remembered by the process."""
        self.client: Any = None
        """Temporal's, for activities that ask it something."""
        self.is_up = True
        self.epoch = 0
        self.on_up: list[Callable[[], None]] = []
        self._unreported: list[tuple[int, Callable[[], None]]] = []
        """What could not be told while the worker was cut off, and by which life of it."""

    def learns(self, *activities: Any) -> None:
        """It can carry these out, too: methods of the classes that have them."""
        self._activities |= {_definition(each.__func__).name: each for each in activities}

    def crash(self, seconds: float) -> int:
        """Die, and be back after so many seconds. Answers how many attempts died with it,
        without the guardian's, which is nearly always under way."""
        if not self.is_up:
            return 0
        self.is_up = False
        self.epoch += 1
        self._patience = Patience(self._loop.time)
        lost, self._running = self._running, {}
        for task, order in lost.items():
            task.cancel()
            order.died()
        self._loop.call_later(seconds, self._come_up)
        return sum(order.given.activity_type != "guard" for order in lost.values())

    def _come_up(self) -> None:
        self.is_up = True
        unreported, self._unreported = self._unreported, []
        for epoch, report in unreported:
            if epoch == self.epoch:
                report()
        for action in self.on_up:
            action()

    def cut_off(self, seconds: float) -> None:
        """Live on without the server: no task comes in and no report goes out for a while."""
        if self.is_up:
            self.is_up = False
            self._loop.call_later(seconds, self._come_up)

    def run_activity(self, order: Order, run: Any, report: Callable[[Outcome], None]) -> None:
        """Begin one attempt; nothing is reported of one that dies with the worker."""
        task = self._loop.create_task(self._attempt(order, run, report))
        self._running[task] = order
        task.add_done_callback(lambda done: self._running.pop(done, None))

    async def _attempt(self, order: Order, run: Any, report: Callable[[Outcome], None]) -> None:
        function = self._activities[order.given.activity_type]
        definition = _definition(function.__func__)
        epoch = self.epoch
        outcome: Outcome
        try:
            hints = list(definition.arg_types or ()) or None
            arguments = CONVERTER.from_payloads(list(order.given.arguments), hints)
            _Context.set(_context(order, run, self.client))
            given = ExecuteActivityInput(function, arguments, None, {})
            patient = self._patience.intercept_activity(_Plain())
            punctual = Punctual().intercept_activity(patient)
            outcome = as_payload(await punctual.execute_activity(given))
        except asyncio.CancelledError:
            return
        except Exception as error:
            outcome = Failure()
            FAILURES.to_failure(error, CONVERTER, outcome)
        if self.epoch != epoch:
            return
        if self.is_up:
            report(outcome)
        else:
            self._unreported.append((epoch, lambda: report(outcome)))


@cache
def _definition(function: Callable[..., Any]) -> Any:
    """The SDK's definition of an activity: its name and the types of its arguments."""
    return temporalio.activity._Definition.must_from_callable(function)


_SOME_TIME = datetime.fromtimestamp(0, UTC)
_INFO = Info(
    activity_id="",
    activity_type="",
    attempt=1,
    current_attempt_scheduled_time=_SOME_TIME,
    heartbeat_details=(),
    heartbeat_timeout=None,
    is_local=False,
    namespace=NAMESPACE,
    schedule_to_close_timeout=timedelta(seconds=1),
    scheduled_time=_SOME_TIME,
    start_to_close_timeout=timedelta(seconds=1),
    started_time=_SOME_TIME,
    task_queue=TASK_QUEUE,
    task_token=b"",
    workflow_id="",
    workflow_namespace=NAMESPACE,
    workflow_run_id="",
    workflow_type="",
    priority=Priority.default,
    retry_policy=None,
    activity_run_id=None,
)
"""What all activities are told alike."""
_NEVER = _CompositeEvent(thread_event=None, async_event=None)  # type: ignore[arg-type]


def _context(order: Order, run: Any, client: Any) -> _Context:
    given = order.given
    scheduled = datetime.fromtimestamp(order.scheduled_at, UTC)
    info = replace(
        _INFO,
        activity_id=given.activity_id,
        activity_type=given.activity_type,
        attempt=order.attempt,
        current_attempt_scheduled_time=datetime.fromtimestamp(order.attempt_scheduled_at, UTC),
        heartbeat_details=order.details,
        scheduled_time=scheduled,
        schedule_to_close_timeout=given.schedule_to_close_timeout.ToTimedelta(),
        started_time=datetime.fromtimestamp(asyncio.get_running_loop().time(), UTC),
        workflow_id=run.id,
        workflow_run_id=run.run_id,
    )

    attempt = order.attempt

    def heartbeat(*details: Any) -> None:
        if order.is_listening and order.attempt == attempt:
            order.details = tuple(from_payload(as_payload(each)) for each in details)

    return _Context(
        info=lambda: info,
        heartbeat=heartbeat,
        cancelled_event=_NEVER,
        worker_shutdown_event=_NEVER,
        shield_thread_cancel_exception=None,
        payload_converter_class_or_instance=CONVERTER,
        runtime_metric_meter=None,
        client=client,
        cancellation_details=_ActivityCancellationDetailsHolder(),
    )
