"""What TaskRouter keeps: workspaces and all that lives in them. Plain state, no behaviour."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.core.clock import Timer
from simulator.core.model import Call

if TYPE_CHECKING:
    from simulator.core.taskrouter.configuration import Configuration, Filter

# Twilio keeps thirty days of events; a long run of tests must not fill memory with them.
EVENTS_MAX = 50_000
OPEN_TASK = ("pending", "reserved", "assigned", "wrapping")
# A reservation in one of these takes a part of its worker's capacity.
OPEN_RESERVATION = ("pending", "accepted", "wrapping")


@dataclass(slots=True, eq=False)
class Resource:
    """`version` is the ETag: it grows with every change (U-18)."""

    sid: str
    created_at: float
    updated_at: float
    version: int = field(default=0, kw_only=True)

    def touch(self, now: float) -> None:
        self.updated_at = now
        self.version += 1


@dataclass(slots=True, eq=False)
class Activity(Resource):
    name: str
    available: bool


@dataclass(slots=True, eq=False)
class TaskChannel(Resource):
    name: str
    unique_name: str
    optimized: bool = False


@dataclass(slots=True, eq=False)
class WorkerChannel(Resource):
    channel: TaskChannel
    capacity: int = 1
    available: bool = True


@dataclass(slots=True, eq=False)
class Worker(Resource):
    """`idle_since` orders those who wait for work: whoever has been without longest is first."""

    name: str
    activity: Activity
    activity_since: float
    attributes_text: str
    attributes: dict[str, Any]
    idle_since: float
    channels: dict[str, WorkerChannel] = field(default_factory=dict)
    open: dict[str, "Reservation"] = field(default_factory=dict)

    def load(self, channel: TaskChannel) -> int:
        return sum(r.task.channel is channel for r in self.open.values())


@dataclass(slots=True, eq=False)
class TaskQueue(Resource):
    name: str
    target_workers: str
    max_reserved: int = 1
    order: str = "FIFO"
    reservation_activity: Activity | None = None
    assignment_activity: Activity | None = None


@dataclass(slots=True, eq=False)
class Workflow(Resource):
    name: str
    configuration_text: str
    configuration: "Configuration"
    assignment_url: str = ""
    fallback_url: str = ""
    reservation_timeout: int = 120


@dataclass(slots=True, eq=False)
class Step:
    """Where a task stands in its workflow. `filter` None: in the default filter, or routed."""

    filter: "Filter | None" = None
    filter_index: int = -1
    target_index: int = 0
    entering: bool = False
    deadline: Timer | None = None
    overdue: bool = False


@dataclass(slots=True, eq=False)
class Task(Resource):
    attributes_text: str
    attributes: dict[str, Any]
    channel: TaskChannel
    priority: int
    timeout: int
    start: float
    workflow: Workflow | None
    queue: TaskQueue | None = None
    queue_entered: float | None = None
    status: str = "pending"
    reason: str | None = None
    routing_target: str | None = None
    ignore_capacity: bool = False
    # The priority asked for; `priority` is the one in force, which a target may set.
    asked_priority: int = 0
    step: Step = field(default_factory=Step)
    reservations: dict[str, "Reservation"] = field(default_factory=dict)
    # How often each worker had this task and let it go, and when for the last time.
    refusals: dict[str, int] = field(default_factory=dict)
    refused_at: dict[str, float] = field(default_factory=dict)
    rounds: int = 0
    timers: list[Timer] = field(default_factory=list)
    # The call that <Enqueue> parked for this task, and the room its conference is held in.
    parked: Call | None = None
    ended_at: float | None = None

    @property
    def open(self) -> bool:
        return self.status in OPEN_TASK


@dataclass(slots=True, eq=False)
class Reservation(Resource):
    task: Task
    worker: Worker
    queue: TaskQueue | None
    status: str = "pending"
    timer: Timer | None = None
    # An instruction is being carried out: the reservation's own timeout waits (I-05).
    setting_up: bool = False
    worker_call: Call | None = None
    conference_sid: str | None = None
    activity_before: Activity | None = None
    post_work_activity: Activity | None = None
    history: list[tuple[float, str]] = field(default_factory=list)
    # Stops what an instruction has begun, when the reservation ends before it is done.
    abandon: Callable[[], None] | None = None

    @property
    def open(self) -> bool:
        return self.status in OPEN_RESERVATION


@dataclass(slots=True, eq=False)
class Event:
    """`data` holds the fields by their form names, as the callback sends them."""

    sid: str
    at: float
    type: str
    description: str
    resource_type: str
    resource_sid: str
    data: dict[str, str]


@dataclass(slots=True, eq=False)
class Workspace(Resource):
    name: str
    multi_task: bool = True
    event_url: str = ""
    events_filter: str = ""
    queue_order: str = "FIFO"
    activities: dict[str, Activity] = field(default_factory=dict)
    default_activity: Activity | None = None
    timeout_activity: Activity | None = None
    channels: dict[str, TaskChannel] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    queues: dict[str, TaskQueue] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    # Tasks that may still need somebody, so that matching does not walk through finished ones.
    waiting: dict[str, Task] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    dirty: bool = False
