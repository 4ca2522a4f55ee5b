"""What the workflows believe: their views, as Temporal lists and describes them.

A list costs one request for a thousand workflows, and may be a moment old; a description is as
fresh as the workflow's last step. So suspicion comes from lists, and certainty from descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

ON_THE_LINE = frozenset({"dialed", "ringing", "screened", "present", "leaving"})
"""Presences of somebody whose phone rings or is connected."""

CUT_OFF = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
        WorkflowExecutionStatus.CANCELED,
    }
)
"""Ends that no workflow of ours comes to by itself, except when it met a bug."""


@dataclass(frozen=True)
class Person:
    """One leg as its owner believes it to be."""

    party: str
    call_sid: str = ""
    label: str = ""
    presence: str = "none"
    held: bool = False

    @property
    def key(self) -> str:
        """What a room knows the leg by: its SID, and before that is known, its label."""
        return self.call_sid or self.label

    @property
    def is_on_the_line(self) -> bool:
        """Whether a phone is believed to ring or to be connected."""
        return self.presence in ON_THE_LINE


@dataclass(frozen=True)
class Owner:
    """One workflow that looks after a call, and what it believes."""

    workflow_id: str
    run_id: str
    is_running: bool = True
    is_cut_off: bool = False
    """Ended from outside or by a bug: what it was about to do was not done."""
    conference_sid: str = ""
    state: str = ""
    since: float = 0.0
    """Of its state."""
    deadline_at: float | None = None
    people: tuple[Person, ...] = ()
    closed_at: float = 0.0
    started_at: float = 0.0

    @property
    def kind(self) -> str:
        """The first part of its id: what it is to the call."""
        return self.workflow_id.partition("/")[0]

    def person(self, call_sid: str) -> Person | None:
        """Whoever is believed to be on this call."""
        return next((each for each in self.people if each.call_sid == call_sid), None)


class Owners:
    """Reads owners. `view` names the memo field with the view, `types` the workflows that count."""

    def __init__(self, client: Client, types: Iterable[str], view: str, task_queue: str) -> None:
        self._client = client
        self._view = view
        names = ", ".join(f"'{each}'" for each in types)
        self._query = f"WorkflowType IN ({names}) AND TaskQueue = '{task_queue}'"

    async def running(self) -> list[Owner]:
        """Every owner that runs, as listed."""
        return await self._list("ExecutionStatus = 'Running'")

    async def cut_off(self, since: float) -> list[Owner]:
        """Every owner that was ended from outside, or by a bug, since then."""
        moment = datetime.fromtimestamp(since, UTC).isoformat(timespec="milliseconds")
        statuses = "'Terminated', 'Failed', 'TimedOut', 'Canceled'"
        return await self._list(f"ExecutionStatus IN ({statuses}) AND CloseTime > '{moment}'")

    async def read(self, workflow_id: str) -> Owner | None:
        """The latest run of this id, as fresh as can be had; None if there is none."""
        try:
            description = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return await self._owner(description)

    async def _list(self, terms: str) -> list[Owner]:
        listed = self._client.list_workflows(f"{self._query} AND {terms}", page_size=1000)
        return [await self._owner(each) async for each in listed]

    async def _owner(self, execution: WorkflowExecution) -> Owner:
        view: Any = await execution.memo_value(self._view, {})
        view = view if isinstance(view, Mapping) else {}
        closed = execution.close_time
        return Owner(
            workflow_id=execution.id,
            run_id=execution.run_id,
            is_running=execution.status is WorkflowExecutionStatus.RUNNING,
            is_cut_off=execution.status in CUT_OFF,
            conference_sid=str(view.get("conference_sid") or ""),
            state=str(view.get("state") or ""),
            since=float(view.get("since") or 0.0),
            deadline_at=view.get("deadline_at"),
            people=tuple(_person(each) for each in view.get("people") or ()),
            closed_at=closed.timestamp() if closed else 0.0,
            started_at=execution.start_time.timestamp(),
        )


def _person(told: Mapping[str, Any]) -> Person:
    return Person(
        party=str(told.get("party") or ""),
        call_sid=str(told.get("call_sid") or ""),
        label=str(told.get("label") or ""),
        presence=str(told.get("presence") or "none"),
        held=told.get("held") is True,
    )
