"""TaskRouter of one account: its parts, how they find each other, and its ties to the network.

Requests go through `rest`; everything else happens by the network's clock and outbox.
"""

from typing import TYPE_CHECKING

from simulator.core.model import Conference, QueueMember
from simulator.core.taskrouter.assignment import Assignment
from simulator.core.taskrouter.conferences import Conferences
from simulator.core.taskrouter.events import Events
from simulator.core.taskrouter.expressions import Expression, parse
from simulator.core.taskrouter.instructions import Instructions
from simulator.core.taskrouter.legs import Legs
from simulator.core.taskrouter.matching import Matching
from simulator.core.taskrouter.model import Reservation, TaskQueue, Workflow, Workspace
from simulator.core.taskrouter.requests import Requests
from simulator.core.taskrouter.reservations import Reservations
from simulator.core.taskrouter.routing import Routing
from simulator.core.taskrouter.tasks import Tasks
from simulator.core.taskrouter.utilisation import Utilisation
from simulator.core.taskrouter.workers import Workers

if TYPE_CHECKING:
    from simulator.core.network import Network


class TaskRouter:
    def __init__(self, network: "Network") -> None:
        self.network = network
        self.workspaces: dict[str, Workspace] = {}
        self.events = Events(network)
        self.utilisation = Utilisation(self)
        self.workers = Workers(self)
        self.matching = Matching(self)
        self.routing = Routing(self)
        self.tasks = Tasks(self)
        self.reservations = Reservations(self)
        self.assignment = Assignment(self)
        self.instructions = Instructions(self)
        self.legs = Legs(self)
        self.conferences = Conferences(self)
        self.rest = Requests(self)

    @property
    def now(self) -> float:
        return self.network.clock.now

    def alert(self, code: int, message: str, url: str = "") -> None:
        self.network.alert(code, f"TaskRouter: {message}", url=url)

    # -- what the network tells --------------------------------------------------------------

    def call_parked(self, member: QueueMember) -> None:
        self.legs.parked(member)

    def call_unparked(self, member: QueueMember, result: str) -> None:
        self.legs.unparked(member, result)

    def room_ended(self, room: Conference) -> None:
        self.conferences.ended(room)

    # -- looking things up -------------------------------------------------------------------

    def workflow_anywhere(self, sid: str) -> tuple[Workspace | None, Workflow | None]:
        for space in self.workspaces.values():
            if sid in space.workflows:
                return space, space.workflows[sid]
        return None, None

    def reservation_anywhere(self, sid: str) -> tuple[Workspace | None, Reservation | None]:
        for space in self.workspaces.values():
            if sid in space.reservations:
                return space, space.reservations[sid]
        return None, None

    @staticmethod
    def target_workers(queue: TaskQueue) -> Expression | None:
        """The queue's expression, which was checked when it was set; None when it is empty."""
        return parse(queue.target_workers) if queue.target_workers.strip() else None
