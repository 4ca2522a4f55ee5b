"""REST bodies of TaskRouter, in the fields of Twilio's OpenAPI document.

https://www.twilio.com/docs/taskrouter/api
"""

from datetime import UTC, datetime
from typing import Any

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

Body = dict[str, Any]
BASE = "https://taskrouter.twilio.com/v1/Workspaces"
WORKSPACE_PARTS = {
    "activities": "Activities", "statistics": "Statistics",
    "real_time_statistics": "RealTimeStatistics",
    "cumulative_statistics": "CumulativeStatistics", "task_queues": "TaskQueues",
    "tasks": "Tasks", "workers": "Workers", "workflows": "Workflows",
    "task_channels": "TaskChannels", "events": "Events",
}  # fmt: skip
STATISTICS = {
    "statistics": "Statistics", "real_time_statistics": "RealTimeStatistics",
    "cumulative_statistics": "CumulativeStatistics",
}  # fmt: skip


def iso(moment: float) -> str:
    """`2015-07-31T01:09:51Z`: whole seconds, unlike the 2010 API's dates (R-02)."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def links(url: str, parts: dict[str, str]) -> dict[str, str]:
    return {name: f"{url}/{part}" for name, part in parts.items()}


class Resources:
    """The bodies of one workspace's things."""

    def __init__(self, account_sid: str, space: Workspace, now: float) -> None:
        self._account = account_sid
        self._space = space
        self._now = now
        self.url = f"{BASE}/{space.sid}"

    def _common(self, item: Any, url: str) -> Body:
        return {
            "sid": item.sid,
            "account_sid": self._account,
            "date_created": iso(item.created_at),
            "date_updated": iso(item.updated_at),
            "url": url,
        }

    def _below(self, item: Any, path: str) -> Body:
        return {**self._common(item, f"{self.url}/{path}"), "workspace_sid": self._space.sid}

    def workspace(self, space: Workspace) -> Body:
        default, timeout = space.default_activity, space.timeout_activity
        return {
            **self._common(space, self.url),
            "friendly_name": space.name,
            "default_activity_name": default.name if default else None,
            "default_activity_sid": default.sid if default else None,
            "timeout_activity_name": timeout.name if timeout else None,
            "timeout_activity_sid": timeout.sid if timeout else None,
            "event_callback_url": space.event_url,
            "events_filter": space.events_filter or None,
            "multi_task_enabled": space.multi_task,
            "prioritize_queue_order": space.queue_order,
            "links": links(self.url, WORKSPACE_PARTS),
        }

    def activity(self, activity: Activity) -> Body:
        return {
            **self._below(activity, f"Activities/{activity.sid}"),
            "friendly_name": activity.name,
            "available": activity.available,
            "links": {"workspace": self.url},
        }

    def task_channel(self, channel: TaskChannel) -> Body:
        return {
            **self._below(channel, f"TaskChannels/{channel.sid}"),
            "friendly_name": channel.name,
            "unique_name": channel.unique_name,
            "channel_optimized_routing": channel.optimized,
            "links": {"workspace": self.url},
        }

    def worker(self, worker: Worker) -> Body:
        workers, own = f"{self.url}/Workers", f"{self.url}/Workers/{worker.sid}"
        return {
            **self._below(worker, f"Workers/{worker.sid}"),
            "friendly_name": worker.name,
            "activity_name": worker.activity.name,
            "activity_sid": worker.activity.sid,
            "attributes": worker.attributes_text,
            "available": worker.activity.available,
            "date_status_changed": iso(worker.activity_since),
            "links": {
                "workspace": self.url,
                "activity": f"{self.url}/Activities/{worker.activity.sid}",
                "channels": f"{own}/Channels",
                "worker_channels": f"{own}/Channels",
                "worker_statistics": f"{own}/Statistics",
                "reservations": f"{own}/Reservations",
                **links(workers, STATISTICS),
            },
        }

    def worker_channel(self, worker: Worker, own: WorkerChannel) -> Body:
        load, capacity = worker.load(own.channel), own.capacity
        free = max(0, capacity - load) * 100 // capacity if capacity else 0
        return {
            **self._below(own, f"Workers/{worker.sid}/Channels/{own.sid}"),
            "worker_sid": worker.sid,
            "task_channel_sid": own.channel.sid,
            "task_channel_unique_name": own.channel.unique_name,
            "assigned_tasks": load,
            "available": own.available,
            "available_capacity_percentage": free,
            "configured_capacity": capacity,
        }

    def task_queue(self, queue: TaskQueue) -> Body:
        own, found = f"{self.url}/TaskQueues/{queue.sid}", {"workspace": self.url}
        reservation, assignment = queue.reservation_activity, queue.assignment_activity
        for name, activity in (
            ("reservation_activity", reservation), ("assignment_activity", assignment)
        ):  # fmt: skip
            if activity is not None:
                found[name] = f"{self.url}/Activities/{activity.sid}"
        return {
            **self._below(queue, f"TaskQueues/{queue.sid}"),
            "friendly_name": queue.name,
            "target_workers": queue.target_workers or None,
            "max_reserved_workers": queue.max_reserved,
            "task_order": queue.order,
            "reservation_activity_sid": reservation.sid if reservation else None,
            "reservation_activity_name": reservation.name if reservation else None,
            "assignment_activity_sid": assignment.sid if assignment else None,
            "assignment_activity_name": assignment.name if assignment else None,
            "links": {
                **found,
                **links(own, STATISTICS),
                "list_statistics": f"{self.url}/TaskQueues/Statistics",
                "bulk_real_time_statistics": f"{self.url}/TaskQueues/RealTimeStatistics",
            },
        }

    def workflow(self, workflow: Workflow) -> Body:
        return {
            **self._below(workflow, f"Workflows/{workflow.sid}"),
            "friendly_name": workflow.name,
            "assignment_callback_url": workflow.assignment_url or None,
            "fallback_assignment_callback_url": workflow.fallback_url or None,
            "configuration": workflow.configuration_text,
            "document_content_type": "application/json",
            "task_reservation_timeout": workflow.reservation_timeout,
            "links": links(f"{self.url}/Workflows/{workflow.sid}", STATISTICS),
        }

    def task(self, task: Task) -> Body:
        own, found = f"{self.url}/Tasks/{task.sid}", {"workspace": self.url}
        workflow, queue = task.workflow, task.queue
        if queue is not None:
            found["task_queue"] = f"{self.url}/TaskQueues/{queue.sid}"
        if workflow is not None:
            found["workflow"] = f"{self.url}/Workflows/{workflow.sid}"
        return {
            **self._below(task, f"Tasks/{task.sid}"),
            "age": int((self._now if task.ended_at is None else task.ended_at) - task.created_at),
            "assignment_status": task.status,
            "attributes": task.attributes_text,
            "addons": "{}",
            "priority": task.priority,
            "reason": task.reason,
            "timeout": task.timeout,
            "task_queue_sid": queue.sid if queue else None,
            "task_queue_friendly_name": queue.name if queue else None,
            "task_queue_entered_date": (
                None if task.queue_entered is None else iso(task.queue_entered)
            ),
            "task_channel_sid": task.channel.sid,
            "task_channel_unique_name": task.channel.unique_name,
            "workflow_sid": workflow.sid if workflow else None,
            "workflow_friendly_name": workflow.name if workflow else None,
            "virtual_start_time": iso(task.start),
            "ignore_capacity": task.ignore_capacity,
            "routing_target": task.routing_target,
            "links": {**found, "reservations": f"{own}/Reservations"},
        }

    def reservation(self, reservation: Reservation) -> Body:
        """The same body whether it is asked for by way of the task or of the worker."""
        task, worker = reservation.task.sid, reservation.worker
        return {
            **self._below(reservation, f"Tasks/{task}/Reservations/{reservation.sid}"),
            "reservation_status": reservation.status,
            "task_sid": task,
            "worker_name": worker.name,
            "worker_sid": worker.sid,
            "links": {
                "task": f"{self.url}/Tasks/{task}",
                "worker": f"{self.url}/Workers/{worker.sid}",
                "workspace": self.url,
            },
        }

    def event(self, event: Event) -> Body:
        collection = {
            "WA": "Activities", "WR": "Reservations", "WT": "Tasks", "WK": "Workers",
            "WQ": "TaskQueues", "WW": "Workflows", "TC": "TaskChannels",
        }.get(event.resource_sid[:2])  # fmt: skip
        below = f"{self.url}/{collection}/{event.resource_sid}" if collection else self.url
        if collection == "Reservations":
            below = f"{self.url}/Tasks/{event.data['TaskSid']}/Reservations/{event.resource_sid}"
        return {
            "sid": event.sid,
            "account_sid": self._account,
            "workspace_sid": self._space.sid,
            "actor_sid": self._space.sid,
            "actor_type": "workspace",
            "actor_url": self.url,
            "description": event.description,
            "event_data": {snake(name): value for name, value in event.data.items()},
            "event_date": iso(event.at),
            "event_date_ms": int(event.at * 1000),
            "event_type": event.type,
            "resource_sid": event.resource_sid,
            "resource_type": event.resource_type,
            "resource_url": below,
            "source": "twilio",
            "source_ip_address": None,
            "url": f"{self.url}/Events/{event.sid}",
        }


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")
