"""What the workflows believe: their views, as Temporal lists and describes them.

A list costs one request for a thousand workflows, and may be a moment old; a description is as
fresh as the workflow's last step. So suspicion comes from lists, and certainty from descriptions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

SUPERVISOR = "supervisor"
"""The party of whoever only listens to the others, or advises one of them."""

CALLER = "caller"
"""The party whom a call is about."""

ASKED_SECONDS_MAX = 0.5
"""How long a workflow is looked up beside a request to Twilio: short, because the same attempt must
then still be able to tell of that request."""

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
    address: str = ""
    state: str = ""
    """Only of supervisors, with `dialed_at` (seconds since the epoch)."""
    dialed_at: float = 0.0

    @property
    def key(self) -> str:
        """What a room knows the leg by: its SID, and before that is known, its label."""
        return self.call_sid or self.label

    @property
    def is_on_the_line(self) -> bool:
        """Whether a phone is believed to ring or to be connected."""
        return self.presence in ON_THE_LINE


@dataclass(frozen=True)
class Attempt:
    """One dial, or one task that was to find somebody."""

    call_sid: str = ""
    task_sid: str = ""
    dialed_at: float = 0.0
    """Seconds since the epoch."""


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
    attempts: tuple[Attempt, ...] = ()
    part: str = ""
    """Its own half of its public id, and the first half of the labels that it gives."""
    room_name: str = ""
    task_sid: str = ""
    """The task of the agent who asked for it; only told by `Owners.read`."""
    failures: int = 0
    """How often its next step has failed in a row; only told by `Owners.read`."""
    closed_at: float = 0.0
    is_asking: bool = False
    """Whether it waits for somebody to come to the call, also while it knows nobody on it."""

    @property
    def kind(self) -> str:
        """The first part of its id: what it is to the call."""
        return self.workflow_id.partition("/")[0]

    def leg(self, party: str) -> Person:
        """The leg of a party; an empty one if there is none."""
        return next((each for each in self.people if each.party == party), Person(party))

    @property
    def supervisors(self) -> tuple[Person, ...]:
        """Those of its people who only supervise the others, and are on the line."""
        return tuple(x for x in self.people if x.party == SUPERVISOR and x.is_on_the_line)

    @property
    def is_supervision(self) -> bool:
        """Whether it looks after supervisors. Another run does not take its place: it brings
        supervisors of its own."""
        return any(each.party == SUPERVISOR for each in self.people)

    @property
    def call_sids(self) -> set[str]:
        """The calls of everybody whom it knows, or has dialled."""
        people = {each.call_sid for each in self.people}
        return (people | {each.call_sid for each in self.attempts}) - {""}

    def is_dialling(self, address: str) -> bool:
        """Whether it has this phone dialled and does not know the call yet."""
        return any(
            each.is_on_the_line and not each.call_sid and each.address == address
            for each in self.people
        )

    def person(self, call_sid: str) -> Person | None:
        """Whoever is believed to be on this call."""
        return next((each for each in self.people if each.call_sid == call_sid), None)


class Owners:
    """Reads owners. `types` are the workflows that count; `view` and `task` name the memo fields
    with their view and with the task of whoever started them."""

    def __init__(
        self,
        client: Client,
        types: Iterable[str],
        view: str,
        task_queue: str,
        task: str = "",
    ) -> None:
        self._client = client
        self._view = view
        self._task = task
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

    async def lately(self, since: datetime) -> list[Owner]:
        """Every owner that has run since then."""
        moment = since.astimezone(UTC).isoformat(timespec="milliseconds")
        return await self._list(f"(ExecutionStatus = 'Running' OR CloseTime > '{moment}')")

    async def stuck(self) -> list[Owner]:
        """Every owner that runs, but whose code has failed at its next step again and again.

        https://docs.temporal.io/search-attribute#default-search-attribute
        """
        failing = "'category=WorkflowTaskFailed'"
        return await self._list(
            f"ExecutionStatus = 'Running' AND TemporalReportedProblems IN ({failing})"
        )

    async def past(self, conference_sid: str, kinds: Iterable[str]) -> list[Owner]:
        """Every owner of these kinds that this call has had and that runs no more."""
        ids = ", ".join(f"'{kind}/{conference_sid}'" for kind in kinds)
        listed = await self._list(f"WorkflowId IN ({ids})")
        return [each for each in listed if not each.is_running]

    async def read(self, workflow_id: str, run_id: str | None = None) -> Owner | None:
        """This run, or the latest of this id, as fresh as can be had; None if there is none."""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        owner = await self._owner(description)
        task_sid: Any = await description.memo_value(self._task, "") if self._task else ""
        failures = description.raw_description.pending_workflow_task.attempt - 1
        return replace(owner, task_sid=str(task_sid or ""), failures=max(0, failures))

    async def end(self, owner: Owner, why: str) -> None:
        """End a run that cannot go on by itself."""
        handle = self._client.get_workflow_handle(owner.workflow_id, run_id=owner.run_id)
        try:
            await handle.terminate(reason=why)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

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
            people=_people(view),
            attempts=tuple(_attempt(each) for each in view.get("attempts") or ()),
            part=str(view.get("id") or "").partition("-")[2],
            room_name=str(view.get("room_name") or ""),
            closed_at=closed.timestamp() if closed else 0.0,
            is_asking=_is_asking(view),
        )


async def described_soon(
    client: Client, workflow_id: str, run_id: str | None = None
) -> WorkflowExecutionDescription:
    """This run, or the latest of this id. Raises TimeoutError after half a second, or RPCError."""
    async with asyncio.timeout(ASKED_SECONDS_MAX):
        return await client.get_workflow_handle(workflow_id, run_id=run_id).describe()


async def caller_known_to(client: Client, workflow_id: str, view: str) -> str:
    """The call SID of the caller, as the memo field `view` of this workflow has it since its last
    step. Empty if it does not know, or cannot be asked within half a second."""
    try:
        description = await described_soon(client, workflow_id)
    except (TimeoutError, RPCError):
        return ""
    shown: Any = await description.memo_value(view, {})
    people = _people(shown) if isinstance(shown, Mapping) else ()
    return next((each.call_sid for each in people if each.party == CALLER), "")


def _people(view: Mapping[str, Any]) -> tuple[Person, ...]:
    """Everybody whom a view names: people, supervisors, and the agent whom these advise."""
    people = [_person(each) for each in view.get("people") or ()]
    supervisors = [_supervisor(each) for each in view.get("supervisors") or ()]
    people += supervisors
    if view.get("agent_call_sid"):
        # Until a supervisor has come the room was not read: the agent is the api's word, and may
        # have left while nobody was there to be told.
        is_known = any(each.presence == "present" for each in supervisors)
        presence = "present" if is_known else "none"
        people.append(Person("agent", str(view["agent_call_sid"]), presence=presence))
    return tuple(people)


def _is_asking(view: Mapping[str, Any]) -> bool:
    """Whether an agent's cry for help is open."""
    cry = view.get("help")
    return isinstance(cry, Mapping) and cry.get("state") == "open"


def _supervisor(told: Mapping[str, Any]) -> Person:
    state = str(told.get("state") or "")
    on_the_line = {"dialing": "dialed", "leaving": "leaving"}.get(state, "present")
    return Person(
        SUPERVISOR,
        call_sid=str(told.get("call_sid") or ""),
        label=str(told.get("id") or ""),
        presence="gone" if told.get("is_over") else on_the_line,
        address=str(told.get("address") or ""),
        state=state,
        dialed_at=float(told.get("joined_at") or 0.0),
    )


def _person(told: Mapping[str, Any]) -> Person:
    return Person(
        party=str(told.get("party") or ""),
        call_sid=str(told.get("call_sid") or ""),
        label=str(told.get("label") or ""),
        presence=str(told.get("presence") or "none"),
        held=told.get("held") is True,
        address=str(told.get("address") or ""),
    )


def _attempt(told: Mapping[str, Any]) -> Attempt:
    return Attempt(
        str(told.get("call_sid") or ""),
        str(told.get("task_sid") or ""),
        float(told.get("dialed_at") or 0.0),
    )
