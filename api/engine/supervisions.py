"""The supervision of calls: started by the first request, asked by updates, read from the memo."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.client import (
    WorkflowExecutionDescription,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.converter import value_to_type
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.provider import Provider, ProviderDownError
from api.engine.records import journal
from api.engine.starts import DECISIONS_MAX
from api.engine.temporal import LIVE, REQUEST_ID, EngineUnreachableError, Temporal, bounded
from workflows.machine.supervision.requests import (
    HelpRequested,
    HelpWithdrawn,
    JoinRequested,
    ModeRequested,
)
from workflows.messages import (
    KEY_LIFE_SECONDS,
    KEYS_MAX,
    MEMO_KEYS,
    MEMO_VIEW,
    SEARCH_KIND,
    TASK_QUEUE,
    TASK_SECONDS,
    KeyRecord,
    StartSupervisionInput,
    SupervisionView,
    SupervisorView,
    supervision_workflow_id,
)
from workflows.supervision_views import first_view

ANSWER_SECONDS = 8.0
"""A change of mode answers when it is in place at Twilio: some requests of at most 2.5 s each."""
REJECTED = "rejected"
ENDED = "supervision_has_ended"
LIST_SECONDS = 1.0
"""How old the list of those who ask for help may be; it is shared by all who look."""
LISTED_MAX = 200

_KIND = SearchAttributeKey.for_keyword(SEARCH_KIND)

Request = JoinRequested | ModeRequested | HelpRequested | HelpWithdrawn
UPDATES: dict[type[Any], str] = {
    JoinRequested: "join",
    ModeRequested: "change",
    HelpRequested: "ask_help",
    HelpWithdrawn: "withdraw_help",
}


class RefusedError(Exception):
    """The supervision says no: a code, and the supervision as it is."""

    def __init__(self, code: str, view: SupervisionView | None) -> None:
        super().__init__(code)
        self.code = code
        self.view = view


class NotSupervisedError(Exception):
    """Nobody supervises the call, so nothing can be asked of a supervision."""


class KeyReusedError(Exception):
    """The Idempotency-Key belongs to another request."""


@dataclass(frozen=True)
class SupervisionRecord:
    """One run of a call's supervision."""

    view: SupervisionView
    keys: tuple[KeyRecord, ...]
    run_id: str
    is_running: bool
    description: WorkflowExecutionDescription | None = None

    def joined_by(self, part: str) -> SupervisorView | None:
        """The supervisor whom a request with this part brought."""
        people = self.view.supervisors
        return next((each for each in people if each.id.startswith(f"{part}-")), None)

    def knows(self, part: str) -> bool:
        """Whether a request with this part was accepted before."""
        return self.joined_by(part) is not None or any(each.part == part for each in self.keys)

    @property
    def chain(self) -> tuple[KeyRecord, ...]:
        """What the next run must remember of earlier joins."""
        mine = tuple(
            KeyRecord(each.id.split("-")[0], each.fingerprint, each.joined_at, self.run_id)
            for each in self.view.supervisors
        )
        young = [key for key in (*self.keys, *mine) if time.time() - key.at < KEY_LIFE_SECONDS]
        return tuple(young[-KEYS_MAX:])


@dataclass(frozen=True)
class Joined:
    """An accepted join. `is_replay`: it had been accepted before."""

    view: SupervisionView
    supervisor: SupervisorView
    is_replay: bool


class Supervisions:
    """Raises the errors above, and `EngineUnreachableError` when Temporal is silent."""

    def __init__(self, temporal: Temporal, provider: Provider) -> None:
        self._temporal = temporal
        self._provider = provider
        self._listed: tuple[SupervisionView, ...] = ()
        self._listed_at = 0.0
        self._lock = asyncio.Lock()

    # --- reads ---

    async def latest(self, conference_sid: str) -> SupervisionRecord | None:
        """The supervision of a call that is under way, or the last one."""
        return await self._read(conference_sid)

    async def find(self, conference_sid: str, label: str) -> SupervisorView | None:
        """One supervisor, of the last supervision of the call or of one that is remembered."""
        record = await self.latest(conference_sid)
        part = label.split("-")[0]
        if record is not None and record.joined_by(part) is None:
            key = next((each for each in record.keys if each.part == part), None)
            record = await self._read(conference_sid, key.run_id) if key is not None else None
        return record.joined_by(part) if record is not None else None

    async def with_journal(self, record: SupervisionRecord) -> SupervisionView:
        """The view with its journal filled in."""
        if record.description is None:
            return record.view
        return replace(record.view, journal=await journal(record.description))

    async def running(self) -> tuple[SupervisionView, ...]:
        """The supervisions that are under way, newest first; at most a second old."""
        async with self._lock:
            if time.monotonic() - self._listed_at > LIST_SECONDS:
                self._listed = await self._list()
                self._listed_at = time.monotonic()
            return self._listed

    async def _list(self) -> tuple[SupervisionView, ...]:
        client = await self._temporal.client()
        query = "WorkflowType = 'SupervisionWorkflow' AND ExecutionStatus = 'Running'"
        listing = client.list_workflows(query, page_size=LISTED_MAX)
        async with bounded():
            await listing.fetch_next_page()
        found = []
        for each in listing.current_page or ():
            view = await each.memo_value(MEMO_VIEW, None, type_hint=SupervisionView)
            if view is not None and not view.is_over:
                found.append(view)
        return tuple(found)

    async def _read(self, conference_sid: str, run_id: str = "") -> SupervisionRecord | None:
        workflow_id = supervision_workflow_id(conference_sid)
        description = await self._temporal.describe(workflow_id, run_id or None)
        if description is None:
            return None
        view = await description.memo_value(MEMO_VIEW, None, type_hint=SupervisionView)
        if view is None:
            return None
        keys: tuple[KeyRecord, ...] = await description.memo_value(
            MEMO_KEYS, (), type_hint=tuple[KeyRecord, ...]
        )
        is_running = description.status in LIVE
        if not is_running and not view.is_over:
            view = replace(view, state="over", is_over=True)
        return SupervisionRecord(view, keys, description.run_id, is_running, description)

    # --- requests ---

    async def join(self, order: StartSupervisionInput, wish: JoinRequested) -> Joined:
        """A supervisor joins; a repetition finds the one who joined before. Raises
        `ProviderDownError` while Twilio is down: nobody's phone would ring."""
        for _ in range(DECISIONS_MAX):
            record, is_down = await asyncio.gather(
                self.latest(order.conference_sid), self._provider.is_down()
            )
            if record is not None and (found := await self._remembered(record, wish)):
                return found
            if is_down:
                raise ProviderDownError
            if record is None or not record.is_running:
                begun = replace(order, part=wish.part, join=wish)
                view = await self._begin(begun, record, f"supervise-{wish.part}")
                if view is None:
                    continue
                return Joined(view, view.supervisors[-1], is_replay=False)
            try:
                view = await self._update(record, wish, f"join-{wish.part}")
            except NotSupervisedError:
                continue
            mine = next((x for x in view.supervisors if x.id.startswith(f"{wish.part}-")), None)
            if mine is not None:
                return Joined(view, mine, is_replay=False)
        raise EngineUnreachableError

    async def change(
        self, record: SupervisionRecord, wish: ModeRequested, key: str = ""
    ) -> SupervisionView:
        """Another mode, take over, or leave: answers when it is so.

        `key` makes a repetition the same request: its first answer is given again, and it undoes
        nothing that was asked for since. An empty key makes each request a new one.
        """
        return await self._update(record, wish, f"{wish.verb}-{key or uuid.uuid4().hex}")

    async def ask_help(self, order: StartSupervisionInput, wish: HelpRequested) -> SupervisionView:
        """The agent asks for a supervisor; asking twice is asking once."""
        for _ in range(DECISIONS_MAX):
            record = await self.latest(order.conference_sid)
            if record is not None and record.is_running:
                try:
                    return await self._update(record, wish, f"help-{uuid.uuid4().hex}")
                except NotSupervisedError:
                    continue
            part = uuid.uuid4().hex[:16]
            begun = replace(order, part=part, help=wish)
            if view := await self._begin(begun, record, f"help-{part}"):
                return view
        raise EngineUnreachableError

    async def withdraw_help(self, record: SupervisionRecord, by: str) -> SupervisionView:
        """The agent does not need help any more."""
        return await self._update(record, HelpWithdrawn(by), f"help-{uuid.uuid4().hex}")

    async def _remembered(self, record: SupervisionRecord, wish: JoinRequested) -> Joined | None:
        """The supervisor whom the same request brought before. Raises if it was another request."""
        mine, view = record.joined_by(wish.part), record.view
        key = next((each for each in record.keys if each.part == wish.part), None)
        if mine is None and key is not None:
            if key.fingerprint != wish.fingerprint:
                raise KeyReusedError
            older = await self._read(record.view.conference_sid, key.run_id)
            if older is not None:
                mine, view = older.joined_by(wish.part), older.view
        if mine is None:
            return None
        if mine.fingerprint != wish.fingerprint:
            raise KeyReusedError
        return Joined(view, mine, is_replay=True)

    async def _begin(
        self, order: StartSupervisionInput, last: SupervisionRecord | None, name: str
    ) -> SupervisionView | None:
        """Starts the workflow, and answers what its first step will show, which is in the memo from
        the beginning; None: somebody else's start came first. Raises when it would be refused."""
        client = await self._temporal.client()
        view, refusal = first_view(order)
        if refusal:
            raise RefusedError(refusal, view)
        memo: dict[str, Any] = {
            MEMO_VIEW: view,
            MEMO_KEYS: last.chain if last is not None else (),
        }
        try:
            async with bounded():
                await client.start_workflow(
                    "SupervisionWorkflow",
                    order,
                    id=supervision_workflow_id(order.conference_sid),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    memo=memo,
                    search_attributes=TypedSearchAttributes(
                        [SearchAttributePair(_KIND, "supervision")]
                    ),
                    static_summary="supervision of a call",
                    rpc_metadata={REQUEST_ID: name},
                )
        except WorkflowAlreadyStartedError:
            return None
        return view

    async def _update(
        self, record: SupervisionRecord, wish: Request, update_id: str
    ) -> SupervisionView:
        client = await self._temporal.client()
        handle = client.get_workflow_handle(
            supervision_workflow_id(record.view.conference_sid), run_id=record.run_id
        )
        try:
            async with bounded(ANSWER_SECONDS):
                view: SupervisionView = await handle.execute_update(
                    UPDATES[type(wish)], wish, id=update_id, result_type=SupervisionView
                )
                return view
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise EngineUnreachableError from error
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotSupervisedError from None
            raise


def _refusal(error: WorkflowUpdateFailedError) -> Exception:
    """The cause of a failed update in our words."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        if cause.type == REJECTED and cause.message == ENDED:
            return NotSupervisedError()
        if cause.type == REJECTED:
            return RefusedError(cause.message, _view_in(cause))
        if cause.type == "AcceptedUpdateCompletedWorkflow":
            return NotSupervisedError()
    return EngineUnreachableError()


def _view_in(cause: ApplicationError) -> SupervisionView | None:
    for detail in cause.details:
        value: Any = asdict(detail) if is_dataclass(detail) else detail  # type: ignore[arg-type]
        try:
            view: SupervisionView = value_to_type(SupervisionView, value)
        except (TypeError, RuntimeError, KeyError):
            continue
        return view
    return None
