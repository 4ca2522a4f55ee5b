"""The assignment callback: asked within five seconds, then the fallback, then given up.

https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks (I-01, I-02)
"""

import json
from typing import TYPE_CHECKING, Any

from simulator.core.errors import TwilioError
from simulator.core.outbox import Reply
from simulator.core.taskrouter.model import Reservation, Workspace
from simulator.core.text import iso8601

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

ANSWER_SECONDS = 5.0
NO_ANSWER, BAD_CONTENT = 11200, 12300


class Assignment:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router

    def ask(self, space: Workspace, reservation: Reservation) -> None:
        """Without an address the reservation waits for whoever drives it over REST."""
        workflow = reservation.task.workflow
        if workflow is None or not (workflow.assignment_url or workflow.fallback_url):
            return
        addresses = [url for url in (workflow.assignment_url, workflow.fallback_url) if url]
        self._ask(space, reservation, addresses)

    def _ask(self, space: Workspace, reservation: Reservation, addresses: list[str]) -> None:
        if reservation.status != "pending":
            return
        if not addresses:
            self._router.reservations.fail(space, reservation)
            return
        url, left, network = addresses[0], addresses[1:], self._router.network
        waiting = True

        def settle(reply: Reply) -> None:
            nonlocal waiting
            if not waiting:
                return
            waiting = False
            late.cancel()
            if not self._carried_out(space, reservation, url, reply):
                self._ask(space, reservation, left)

        late = network.clock.call_later(
            ANSWER_SECONDS, lambda: settle(Reply(0, error="no answer within 5 seconds"))
        )
        form = self._form(space, reservation)
        network.send("callback", "assignment", url, "POST", form, reply=settle)

    def _form(self, space: Workspace, reservation: Reservation) -> dict[str, str]:
        task, worker, router = reservation.task, reservation.worker, self._router
        now = router.now
        by_unix = router.network.switches.taskrouter_timestamp == "unix"
        return {
            "Timestamp": str(int(now)) if by_unix else iso8601(now),
            "AccountSid": router.network.account_sid,
            "WorkspaceSid": space.sid,
            "WorkflowSid": task.workflow.sid if task.workflow else "",
            "TaskQueueSid": reservation.queue.sid if reservation.queue else "",
            "WorkerSid": worker.sid,
            "WorkerAttributes": worker.attributes_text,
            "TaskSid": task.sid,
            "TaskAttributes": task.attributes_text,
            "TaskAge": str(int(now - task.created_at)),
            "TaskPriority": str(task.priority),
            "ReservationSid": reservation.sid,
        }

    def _carried_out(
        self, space: Workspace, reservation: Reservation, url: str, reply: Reply
    ) -> bool:
        """Whether the answer was good. An empty one is: the application acts over REST later."""
        if not reply.ok:
            reason = f"HTTP {reply.status}" if reply.connected else reply.error
            self._router.alert(NO_ANSWER, f"Assignment callback: {reason}", url)
            return False
        if not reply.body.strip():
            return True
        order = _order(reply)
        if order is None:
            self._router.alert(BAD_CONTENT, "Assignment callback: the answer is not JSON", url)
            return False
        return self._obeyed(space, reservation, url, order)

    def _obeyed(
        self, space: Workspace, reservation: Reservation, url: str, order: dict[str, Any]
    ) -> bool:
        """What comes too late is an alert, and no reason to ask elsewhere."""
        late = reservation.status != "pending"
        try:
            self._router.instructions.carry_out(space, reservation, order)
        except TwilioError as error:
            self._router.alert(error.code, error.message, url)
            return late
        return True


def _order(reply: Reply) -> dict[str, Any] | None:
    if reply.content_type.split(";")[0].strip().lower() != "application/json":
        return None
    try:
        found = json.loads(reply.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
