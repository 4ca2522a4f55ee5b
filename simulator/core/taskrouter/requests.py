"""All of TaskRouter's REST operations, by resource. What the HTTP face and the tests call.

An operation answers the resource as a dictionary or raises TwilioError. `if_match` is the header
of the request in hand, `etag` what the answer carries (R-08); whoever asks sets and reads them.
"""

from typing import TYPE_CHECKING

from simulator.core.taskrouter import (
    requests_queues,
    requests_reservations,
    requests_setup,
    requests_tasks,
    requests_workers,
)
from simulator.core.taskrouter.statistics import Statistics

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter


class Requests:
    def __init__(self, router: "TaskRouter") -> None:
        self.if_match: str | None = None
        self.etag: str | None = None
        self.workspaces = requests_setup.Workspaces(router, self)
        self.activities = requests_setup.Activities(router, self)
        self.task_channels = requests_setup.TaskChannels(router, self)
        self.queues = requests_queues.Queues(router, self)
        self.workflows = requests_queues.Workflows(router, self)
        self.workers = requests_workers.WorkerRequests(router, self)
        self.worker_channels = requests_workers.WorkerChannels(router, self)
        self.tasks = requests_tasks.TaskRequests(router, self)
        self.reservations = requests_reservations.ReservationRequests(router, self)
        self.events = requests_tasks.EventRequests(router, self)
        self.statistics = Statistics(router, self)
