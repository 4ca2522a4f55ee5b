"""Drives the real workflow code through the SDK's own machinery, without a server.

The only file that knows `temporalio.worker._workflow_instance`, a private module: the SDK is pinned
exactly, and `cross_check.py` holds this against the real server. Three tricks make it work: a loop
runs while an instance is made, the sandbox is off, and whoever calls resolves what the commands
ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import temporalio.workflow
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import (
    InitializeWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import MetricMeter, Priority, TypedSearchAttributes
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.worker._workflow_instance import UnsandboxedWorkflowRunner, WorkflowInstanceDetails

from tests.simulation.payloads import Converter
from workflows.messages import TASK_SECONDS

NAMESPACE, TASK_QUEUE = "default", "handover"
CONVERTER = Converter()


class Failures(DefaultFailureConverter):
    """Temporal's own, without stack traces: nobody reads them here, and source files would be read
    and parsed for each."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        exception.__traceback__ = None
        super().to_failure(exception, payload_converter, failure)


FAILURES = Failures()
_RUNNER = UnsandboxedWorkflowRunner()
_DEFINITIONS: dict[type, Any] = {}


class NonDeterministicError(AssertionError):
    """S26: the same history did not lead to the same commands."""


class TaskFailedError(AssertionError):
    """A workflow task failed: the workflow would be stuck, and the call with it."""


@dataclass
class Turn:
    """One activation that is part of the history, and the commands that came of it."""

    activation: WorkflowActivation
    commands: list[WorkflowCommand]


@dataclass
class Begun:
    """What a run was started with."""

    workflow: type
    workflow_id: str
    run_id: str
    arguments: tuple[Payload, ...]
    memo: dict[str, Payload]
    started_at: float
    seed: int
    parent: tuple[str, str] | None = None


@dataclass
class History:
    """What a server would keep of a run: enough to make the instance again."""

    begun: Begun
    turns: list[Turn] = field(default_factory=list)
    events: int = 2


class Instance:
    """One workflow in a worker's memory."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._sdk: Any = _RUNNER.create_instance(_details(history.begun))
        self._sdk.get_debug = bool  # asked for each future: a function of C that says no

    def activate(self, activation: WorkflowActivation) -> Sequence[WorkflowCommand]:
        """The commands that follow on these jobs. Raises `TaskFailedError`."""
        outside = asyncio.events._get_running_loop()
        asyncio.events._set_running_loop(None)
        try:
            completion = self._sdk.activate(activation)
        finally:
            asyncio.events._set_running_loop(outside)
        if completion.HasField("failed"):
            raise TaskFailedError(completion.failed.failure.message)
        return completion.successful.commands

    def forget(self) -> None:
        """The worker has lost it, or needs it no more: nothing of it runs any further."""
        for task in self._sdk._tasks:
            task._log_destroy_pending = False
        self._sdk = None


def activation(
    history: History, jobs: Sequence[WorkflowActivationJob], now: float, is_replaying: bool = False
) -> WorkflowActivation:
    """These jobs as one activation."""
    return WorkflowActivation(
        run_id=history.begun.run_id,
        timestamp=stamp(now),
        is_replaying=is_replaying,
        history_length=history.events,
        jobs=jobs,
    )


def replayed(history: History) -> Instance:
    """The instance made again from its history. Raises `NonDeterministicError`."""
    instance = Instance(history)
    for number, turn in enumerate(history.turns):
        again = WorkflowActivation()
        again.CopyFrom(turn.activation)
        again.is_replaying = True
        commands = instance.activate(again)
        if _bytes(commands) != _bytes(turn.commands):
            raise NonDeterministicError(
                f"{history.begun.workflow_id}: turn {number} of {len(history.turns)} gave "
                f"{_named(commands)} and had given {_named(turn.commands)}"
            )
    return instance


def first_job(begun: Begun) -> WorkflowActivationJob:
    """The job that starts a run."""
    initialize = InitializeWorkflow(
        workflow_type=name_of(begun.workflow),
        workflow_id=begun.workflow_id,
        arguments=begun.arguments,
        randomness_seed=begun.seed,
        attempt=1,
        first_execution_run_id=begun.run_id,
        start_time=stamp(begun.started_at),
    )
    return WorkflowActivationJob(initialize_workflow=initialize)


def definition(workflow: type) -> Any:
    """The SDK's definition of a workflow class."""
    if workflow not in _DEFINITIONS:
        _DEFINITIONS[workflow] = temporalio.workflow._Definition.must_from_class(workflow)
    return _DEFINITIONS[workflow]


def name_of(workflow: type) -> str:
    """The name it is started by."""
    return str(definition(workflow).name)


def stamp(moment: float) -> Timestamp:
    """A moment as protobuf has it."""
    nanos = round(moment * 1e9)
    return Timestamp(seconds=nanos // 10**9, nanos=nanos % 10**9)


def as_payload(value: Any) -> Payload:
    """One value as Temporal carries it; encryption is not part of this."""
    return CONVERTER.to_payloads([value])[0]


def from_payload(payload: Payload, hint: Any = None) -> Any:
    """The value that a payload carries."""
    return CONVERTER.from_payloads([payload], [hint] if hint is not None else None)[0]


def _details(begun: Begun) -> WorkflowInstanceDetails:
    started = datetime.fromtimestamp(begun.started_at, UTC)
    info = temporalio.workflow.Info(
        attempt=1,
        continued_run_id=None,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id=begun.run_id,
        headers={},
        namespace=NAMESPACE,
        original_execution_run_id=begun.run_id,
        parent=None,
        root=None,
        raw_memo=dict(begun.memo),
        retry_policy=None,
        run_id=begun.run_id,
        run_timeout=None,
        search_attributes={},
        start_time=started,
        workflow_start_time=started,
        task_queue=TASK_QUEUE,
        task_timeout=timedelta(seconds=TASK_SECONDS),
        typed_search_attributes=TypedSearchAttributes.empty,
        workflow_id=begun.workflow_id,
        workflow_type=name_of(begun.workflow),
        priority=Priority.default,
    )
    return WorkflowInstanceDetails(
        payload_converter_factory=lambda: CONVERTER,
        failure_converter_class=Failures,
        interceptor_classes=(),
        defn=definition(begun.workflow),
        info=info,
        randomness_seed=begun.seed,
        extern_functions={"__temporal_get_metric_meter": lambda: MetricMeter.noop},
        disable_eager_activity_execution=False,
        worker_level_failure_exception_types=(),
        patch_activation_callback=None,
        last_completion_result=Payloads(),
        last_failure=None,
    )


def _bytes(commands: Sequence[WorkflowCommand]) -> list[bytes]:
    return [command.SerializeToString(deterministic=True) for command in commands]


def _named(commands: Sequence[WorkflowCommand]) -> list[str]:
    return [str(command.WhichOneof("variant")) for command in commands]
