"""A stand-in for Temporal's server: runs, workflow tasks, timers, children, updates, memos.

It keeps histories, hands tasks to the worker, and does what the commands ask for, each hop with a
latency of its own. What it promises is what the real one promises: a task that is lost with its
worker is given again, signals are dropped by request id, a completion that would pass over a newer
signal is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto import child_workflow
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    DoUpdate,
    FireTimer,
    ResolveActivity,
    ResolveChildWorkflowExecutionStart,
    ResolveChildWorkflowExecutionStartFailure,
    ResolveChildWorkflowExecutionStartSuccess,
    ResolveSignalExternalWorkflow,
    SignalWorkflow,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from tests.simulation.activities import ActivityOrders
from tests.simulation.driver import (
    Begun,
    History,
    Instance,
    Turn,
    activation,
    first_job,
    replayed,
)
from workflows.messages import TASK_SECONDS

Job = WorkflowActivationJob
ALREADY_EXISTS = child_workflow.StartChildWorkflowExecutionFailedCause.Value(
    "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS"
)


@dataclass
class Update:
    """One update of one run, remembered by its id."""

    accepted: bool = False
    outcome: asyncio.Future[Payload | Failure] = field(default_factory=asyncio.Future)


@dataclass(eq=False)
class Run:
    """One run of one workflow."""

    history: History
    memo: dict[str, Payload]
    request_id: str = ""
    status: str = "running"
    closed_at: float | None = None
    result: asyncio.Future[Payload | Failure] = field(default_factory=asyncio.Future)
    jobs: list[Job] = field(default_factory=list)
    task: str = ""
    """`scheduled`, `running`, `lost`, or nothing."""
    instance: Instance | None = None
    epoch: int = -1
    """Which life of the worker holds the instance."""
    updates: dict[str, Update] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Request ids of signals."""
    timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)
    orders: ActivityOrders | None = None
    decoded: dict[Any, tuple[Payload, Any]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.history.begun.workflow_id

    @property
    def run_id(self) -> str:
        return self.history.begun.run_id

    @property
    def is_running(self) -> bool:
        return self.status == "running"


class Server:
    """All runs, and the worker's tasks. `up` and `down` are the server's own crashes."""

    def __init__(
        self, workflows: Sequence[type], worker: Any, latency: Random, hops: tuple[float, float]
    ) -> None:
        from tests.simulation.driver import name_of

        self.loop: Any = asyncio.get_running_loop()
        self.worker = worker
        self.is_up = True
        self.runs: dict[str, list[Run]] = {}
        self.workflows = {name_of(each): each for each in workflows}
        self.listeners: list[Callable[[Run], None]] = []
        """Told of each change of a memo and of each end."""
        self.faults: list[BaseException] = []
        """What must never be: failed workflow tasks, histories that do not replay."""
        self.replays = 0
        self._latency = latency
        self._least, self._most = hops
        self._until_up: list[Callable[[], None]] = []
        self._until_worker: list[Callable[[], None]] = []
        self._made = 0
        worker.on_up.append(self._worker_is_up)

    # --- time, and being there ---

    def hop(self) -> float:
        """How long one message takes."""
        return self._least + (self._most - self._least) * self._latency.random()

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something when its time has come and the server is up."""
        return self.loop.call_later(seconds, lambda: self.when_up(action))

    def when_up(self, action: Callable[[], None]) -> None:
        if self.is_up:
            action()
        else:
            self._until_up.append(action)

    def when_working(self, action: Callable[[], None]) -> None:
        """Do something as soon as server and worker are up."""
        if not self.is_up:
            self._until_up.append(lambda: self.when_working(action))
        elif not self.worker.is_up:
            self._until_worker.append(action)
        else:
            action()

    def crash(self, seconds: float) -> None:
        """Nothing moves for a while; what was stored is there afterwards."""
        if self.is_up:
            self.is_up = False
            self.loop.call_later(seconds, self._come_up)

    def _come_up(self) -> None:
        self.is_up = True
        waiting, self._until_up = self._until_up, []
        for action in waiting:
            self.loop.call_later(self.hop(), self.when_up, action)

    def _worker_is_up(self) -> None:
        waiting, self._until_worker = self._until_worker, []
        for action in waiting:
            self.loop.call_later(self.hop(), self.when_working, action)

    # --- what clients ask ---

    def latest(self, workflow_id: str) -> Run | None:
        runs = self.runs.get(workflow_id)
        return runs[-1] if runs else None

    def start(
        self,
        workflow: str,
        workflow_id: str,
        arguments: Sequence[Payload],
        memo: dict[str, Payload],
        request_id: str = "",
        parent: tuple[str, str] | None = None,
    ) -> Run:
        """A new run; whether one may be begun is the caller's to know."""
        self._made += 1
        begun = Begun(
            workflow=self.workflows[workflow],
            workflow_id=workflow_id,
            run_id=f"run-{self._made:04d}",
            arguments=tuple(arguments),
            memo=dict(memo),
            started_at=self.loop.time(),
            seed=self._latency.getrandbits(40),
            parent=parent,
        )
        run = Run(History(begun), dict(memo), request_id)
        run.orders = ActivityOrders(self, run)
        self.runs.setdefault(workflow_id, []).append(run)
        self.add(run, first_job(begun))
        self._tell(run)
        return run

    def signal(self, run: Run, name: str, payloads: Sequence[Payload], request_id: str) -> None:
        if request_id and request_id in run.seen:
            return
        run.seen.add(request_id)
        run.history.events += 1
        told = SignalWorkflow(
            signal_name=name, input=payloads, originating_event_id=run.history.events
        )
        self.add(run, Job(signal_workflow=told))

    def update(self, run: Run, name: str, payloads: Sequence[Payload], update_id: str) -> Update:
        """The update, a new one or the one of this id."""
        if update_id not in run.updates:
            run.updates[update_id] = Update()
            asked = DoUpdate(
                id=update_id,
                protocol_instance_id=update_id,
                name=name,
                input=payloads,
                run_validator=True,
            )
            self.add(run, Job(do_update=asked))
        return run.updates[update_id]

    def cancel(self, run: Run) -> None:
        """An operator's cancel."""
        self.add(run, Job(cancel_workflow=CancelWorkflow(reason="operator")))

    def terminate(self, run: Run) -> None:
        """An operator's terminate: nothing of it runs any more."""
        self._close(run, "terminated", Failure(message="terminated"))

    # --- workflow tasks ---

    def add(self, run: Run, job: Job) -> None:
        """One more thing for the workflow to hear."""
        if not run.is_running:
            return
        run.jobs.append(job)
        if not run.task:
            run.task = "scheduled"
            self.loop.call_later(self.hop(), self.when_working, lambda: self._begin_task(run))

    def _begin_task(self, run: Run) -> None:
        if not run.is_running or run.task not in ("scheduled", "lost"):
            return
        run.task = "running"
        jobs, run.jobs = run.jobs, []
        is_known = run.instance is not None and run.epoch == self.worker.epoch
        if not is_known and not self._make_instance(run):
            return
        turned = activation(run.history, jobs, self.loop.time())
        try:
            commands = run.instance.activate(turned)  # type: ignore[union-attr]
        except AssertionError as error:
            self.faults.append(error)
            self._close(run, "failed", Failure(message=f"stuck: {error}"))
            return
        epoch = self.worker.epoch
        self.loop.call_later(self.hop(), self._end_task, run, turned, list(commands), epoch)

    def _make_instance(self, run: Run) -> bool:
        self.evict(run)
        try:
            run.instance = replayed(run.history)
        except AssertionError as error:
            self.faults.append(error)
            self._close(run, "failed", Failure(message=f"not replayed: {error}"))
            return False
        self.replays += bool(run.history.turns)
        run.epoch = self.worker.epoch
        return True

    def _end_task(self, run: Run, turned: Any, commands: list[WorkflowCommand], epoch: int) -> None:
        """The worker's answer arrives: all of it counts, or nothing."""
        if not run.is_running:
            return
        if epoch != self.worker.epoch or not self.is_up:
            self._repeat(run, turned, TASK_SECONDS, "lost")
            return
        is_end = any(_is_end(command) for command in commands)
        if is_end and run.jobs:
            # The real server calls this UnhandledCommand: a newer signal would be passed over.
            self._repeat(run, turned, self.hop(), "lost")
            return
        run.task = ""
        vanished = self._refused(run, turned, commands)
        if vanished:
            jobs = [job for job in turned.jobs if job.do_update.id not in vanished]
            commands = [each for each in commands if _update_of(each) not in vanished]
            turned = activation(run.history, jobs, turned.timestamp.ToNanoseconds() / 1e9)
        for job in turned.jobs:
            if job.HasField("do_update"):
                job.do_update.run_validator = False
        if turned.jobs:
            run.history.turns.append(Turn(turned, commands))
            run.history.events += 3 + len(commands)
        for command in commands:
            self._carry_out(run, command)
        if run.is_running and run.jobs and not run.task:
            run.task = "scheduled"
            self.loop.call_later(self.hop(), self.when_working, lambda: self._begin_task(run))

    def _repeat(self, run: Run, turned: Any, seconds: float, task: str) -> None:
        self.evict(run)
        run.jobs = [*turned.jobs, *run.jobs]
        run.task = task
        self.later(seconds, lambda: self.when_working(lambda: self._begin_task(run)))

    def _refused(self, run: Run, turned: Any, commands: Sequence[WorkflowCommand]) -> set[str]:
        """Updates that their validator refused: they leave nothing in the history."""
        vanished: set[str] = set()
        for command in commands:
            if not command.HasField("update_response"):
                continue
            answer = command.update_response
            update = run.updates[answer.protocol_instance_id]
            if answer.HasField("rejected") and not update.accepted:
                vanished.add(answer.protocol_instance_id)
                _settle(update.outcome, answer.rejected)
            elif answer.HasField("accepted"):
                update.accepted = True
        return vanished

    def evict(self, run: Run) -> None:
        """The worker has it no more."""
        if run.instance is not None:
            run.instance.forget()
            run.instance = None

    # --- commands ---

    def _carry_out(self, run: Run, command: WorkflowCommand) -> None:
        kind = str(command.WhichOneof("variant"))
        _COMMANDS[kind](self, run, getattr(command, kind))

    def _start_timer(self, run: Run, given: Any) -> None:
        seconds = given.start_to_fire_timeout.ToNanoseconds() / 1e9
        run.timers[given.seq] = self.later(seconds, lambda: self._fire(run, given.seq))

    def _fire(self, run: Run, seq: int) -> None:
        if run.timers.pop(seq, None) is not None:
            run.history.events += 1
            self.add(run, Job(fire_timer=FireTimer(seq=seq)))

    def _cancel_timer(self, run: Run, given: Any) -> None:
        timer = run.timers.pop(given.seq, None)
        if timer is not None:
            timer.cancel()

    def _schedule_activity(self, run: Run, given: Any) -> None:
        if run.orders is not None:
            run.orders.schedule(given)

    def _cancel_activity(self, run: Run, given: Any) -> None:
        run.history.events += 1
        if run.orders is not None:
            run.orders.cancel(given.seq)

    def resolve_activity(self, run: Run, seq: int, result: Any) -> None:
        """An activity has come to its end."""
        run.history.events += 2
        self.add(run, Job(resolve_activity=ResolveActivity(seq=seq, result=result)))

    def _nothing(self, run: Run, given: Any) -> None:
        """Search attributes and patch markers."""

    def _memo(self, run: Run, given: Any) -> None:
        run.memo.update(given.upserted_memo.fields)
        self._tell(run)

    def _update_response(self, run: Run, given: Any) -> None:
        update = run.updates[given.protocol_instance_id]
        if given.HasField("completed"):
            _settle(update.outcome, given.completed)
        elif given.HasField("rejected"):
            _settle(update.outcome, given.rejected)

    def _start_child(self, run: Run, given: Any) -> None:
        latest = self.latest(given.workflow_id)
        if latest is not None and latest.is_running:
            refused = ResolveChildWorkflowExecutionStartFailure(
                workflow_id=given.workflow_id,
                workflow_type=given.workflow_type,
                cause=ALREADY_EXISTS,
            )
            answer = ResolveChildWorkflowExecutionStart(seq=given.seq, failed=refused)
        else:
            child = self.start(
                given.workflow_type,
                given.workflow_id,
                given.input,
                dict(given.memo),
                parent=(run.id, run.run_id),
            )
            begun = ResolveChildWorkflowExecutionStartSuccess(run_id=child.run_id)
            answer = ResolveChildWorkflowExecutionStart(seq=given.seq, succeeded=begun)
        run.history.events += 2
        self.add(run, Job(resolve_child_workflow_execution_start=answer))

    def _signal_external(self, run: Run, given: Any) -> None:
        workflow_id = given.workflow_execution.workflow_id or given.child_workflow_id
        latest = self.latest(workflow_id)
        answer = ResolveSignalExternalWorkflow(seq=given.seq)
        if latest is not None and latest.is_running:
            self.signal(latest, given.signal_name, given.args, "")
        else:
            answer.failure.message = "no such workflow"
            answer.failure.application_failure_info.type = "ExternalWorkflowExecutionNotFound"
        run.history.events += 2
        self.add(run, Job(resolve_signal_external_workflow=answer))

    def _complete(self, run: Run, given: Any) -> None:
        self._close(run, "completed", given.result)

    def _fail(self, run: Run, given: Any) -> None:
        self._close(run, "failed", given.failure)

    def _cancelled(self, run: Run, given: Any) -> None:
        self._close(run, "cancelled", Failure(message="cancelled"))

    def _close(self, run: Run, status: str, result: Payload | Failure) -> None:
        run.status, run.closed_at = status, self.loop.time()
        for timer in run.timers.values():
            timer.cancel()
        if run.orders is not None:
            run.orders.close()
        for update in run.updates.values():
            over = Failure(message="the workflow has ended")
            over.application_failure_info.type = "AcceptedUpdateCompletedWorkflow"
            _settle(update.outcome, over)
        _settle(run.result, result)
        self.evict(run)
        run.task = ""
        self._tell(run)

    def _tell(self, run: Run) -> None:
        for listener in self.listeners:
            listener(run)


_COMMANDS: dict[str, Callable[[Server, Run, Any], None]] = {
    "start_timer": Server._start_timer,
    "cancel_timer": Server._cancel_timer,
    "schedule_activity": Server._schedule_activity,
    "request_cancel_activity": Server._cancel_activity,
    "modify_workflow_properties": Server._memo,
    "upsert_workflow_search_attributes": Server._nothing,
    "set_patch_marker": Server._nothing,
    "update_response": Server._update_response,
    "start_child_workflow_execution": Server._start_child,
    "signal_external_workflow_execution": Server._signal_external,
    "complete_workflow_execution": Server._complete,
    "fail_workflow_execution": Server._fail,
    "cancel_workflow_execution": Server._cancelled,
}
_ENDS = ("complete_workflow_execution", "fail_workflow_execution", "cancel_workflow_execution")


def _is_end(command: WorkflowCommand) -> bool:
    return command.WhichOneof("variant") in _ENDS


def _update_of(command: WorkflowCommand) -> str:
    if command.HasField("update_response"):
        return str(command.update_response.protocol_instance_id)
    return ""


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
