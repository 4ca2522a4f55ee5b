"""What TaskRouter tells: the workspace's event log, its callback, and the network's ledger.

Names and fields: https://www.twilio.com/docs/taskrouter/api/event/reference (V-01 to V-05)
"""

from typing import TYPE_CHECKING, Any

from simulator.core.taskrouter.model import (
    Activity,
    Event,
    Reservation,
    Task,
    TaskChannel,
    TaskQueue,
    Worker,
    WorkerChannel,
    Workflow,
    Workspace,
)
from simulator.core.text import flag, iso8601, words

if TYPE_CHECKING:
    from simulator.core.network import Network

Subject = Activity | Reservation | Task | TaskChannel | TaskQueue | Worker | Workflow | Workspace
RESOURCES = {
    "WA": "activity", "WR": "reservation", "WT": "task", "TC": "task-channel", "WQ": "task-queue",
    "WK": "worker", "WW": "workflow", "WS": "workspace",
}  # fmt: skip


class Events:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def tell(
        self,
        space: Workspace,
        kind: str,
        subject: Subject,
        description: str = "",
        **extra: str | None,
    ) -> None:
        """Write the event down, and send it where the workspace wants to hear of it."""
        network, now = self._network, self._network.clock.now
        data = _about(space, subject, now)
        data.update({name: value for name, value in extra.items() if value is not None})
        event = Event(
            network.sid("EV"),
            now,
            kind,
            description or f"{kind.replace('.', ' ').replace('-', ' ').capitalize()}",
            RESOURCES[subject.sid[:2]],
            subject.sid,
            data,
        )
        space.events.append(event)
        self._write(space, event, subject)
        wanted = words(space.events_filter)
        if space.event_url and (not wanted or kind in wanted):
            form = self.form(space, event)
            network.send("callback", kind, space.event_url, "POST", form)

    def form(self, space: Workspace, event: Event) -> dict[str, str]:
        seconds = str(int(event.at))
        by_unix = self._network.switches.taskrouter_timestamp == "unix"
        return {
            "EventType": event.type,
            "AccountSid": self._network.account_sid,
            "Sid": event.sid,
            "EventDescription": event.description,
            "ResourceType": event.resource_type,
            "ResourceSid": event.resource_sid,
            "Timestamp": seconds if by_unix else iso8601(event.at),
            "TimestampMs": str(int(event.at * 1000)),
            **event.data,
        }

    def _write(self, space: Workspace, event: Event, subject: Subject) -> None:
        group, _, what = event.type.partition(".")
        detail: dict[str, Any] = {"workspace_sid": space.sid, "description": event.description}
        for name, field in (
            ("task_sid", "TaskSid"), ("reservation_sid", "ReservationSid"),
            ("worker_sid", "WorkerSid"), ("worker", "WorkerName"),
            ("activity", "WorkerActivityName"), ("task_queue", "TaskQueueName"),
            ("workflow", "WorkflowName"), ("status", "TaskAssignmentStatus"),
            ("reason", "TaskCanceledReason"),
        ):  # fmt: skip
            if field in event.data:
                detail[name] = event.data[field]
        task = subject.task if isinstance(subject, Reservation) else subject
        call = task.attributes.get("call_sid") if isinstance(task, Task) else None
        self._network.ledger.write(
            event.at, group, what, call_sid=call if isinstance(call, str) else None, **detail
        )


def _about(space: Workspace, subject: Subject, now: float) -> dict[str, str]:
    data = {"WorkspaceSid": space.sid, "WorkspaceName": space.name}
    if isinstance(subject, Reservation):
        data |= {"ReservationSid": subject.sid, "ReservationVersion": str(subject.version)}
        data |= task_fields(subject.task, now) | worker_fields(subject.worker)
        if subject.queue is not None:
            data |= {"TaskQueueSid": subject.queue.sid, "TaskQueueName": subject.queue.name}
    elif isinstance(subject, Task):
        data |= task_fields(subject, now)
    elif isinstance(subject, Worker):
        data |= worker_fields(subject)
    elif isinstance(subject, Workflow):
        data |= {"WorkflowSid": subject.sid, "WorkflowName": subject.name}
    elif isinstance(subject, TaskQueue):
        data |= {"TaskQueueSid": subject.sid, "TaskQueueName": subject.name}
        data |= {"TaskQueueTargetExpression": subject.target_workers}
    elif isinstance(subject, Activity):
        data |= {"ActivitySid": subject.sid, "ActivityName": subject.name}
        data |= {"ActivityAvailable": flag(subject.available)}
    elif isinstance(subject, TaskChannel):
        data |= _channel_fields(subject)
    return data


def task_fields(task: Task, now: float) -> dict[str, str]:
    data = {
        "TaskSid": task.sid,
        "TaskAttributes": task.attributes_text,
        "TaskAge": str(int(now - task.created_at)),
        "TaskPriority": str(task.priority),
        "TaskAssignmentStatus": task.status,
        "TaskVersion": str(task.version),
        **_channel_fields(task.channel),
    }
    if task.reason is not None and task.status in ("canceled", "completed"):
        canceled = task.status == "canceled"
        data["TaskCanceledReason" if canceled else "TaskCompletedReason"] = task.reason
    if task.queue is not None:
        data |= {"TaskQueueSid": task.queue.sid, "TaskQueueName": task.queue.name}
    if task.workflow is not None:
        data |= {"WorkflowSid": task.workflow.sid, "WorkflowName": task.workflow.name}
    if task.step.filter is not None:
        data["WorkflowFilterName"] = task.step.filter.name
    return data


def _channel_fields(channel: TaskChannel) -> dict[str, str]:
    return {"TaskChannelSid": channel.sid, "TaskChannelUniqueName": channel.unique_name}


def worker_fields(worker: Worker) -> dict[str, str]:
    return {
        "WorkerSid": worker.sid,
        "WorkerName": worker.name,
        "WorkerAttributes": worker.attributes_text,
        "WorkerActivitySid": worker.activity.sid,
        "WorkerActivityName": worker.activity.name,
        "WorkerVersion": str(worker.version),
    }


def channel_fields(worker: Worker, channel: WorkerChannel) -> dict[str, str]:
    load = worker.load(channel.channel)
    return {
        **_channel_fields(channel.channel),
        "WorkerChannelAvailable": flag(channel.available),
        "WorkerChannelAvailableCapacity": str(max(0, channel.capacity - load)),
        "WorkerChannelTaskCount": str(load),
    }
