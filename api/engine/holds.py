"""An agent's hold: started once, read from its memo, and asked to end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.engine.hold_records import HoldRecord
from api.engine.provider import Provider, ProviderDownError
from api.engine.records import CallRecord, Records, journal
from api.engine.requests import send_update
from api.engine.starts import (
    DECISIONS_MAX,
    Busy,
    Free,
    KeyReusedError,
    Repeated,
    Reused,
    decide,
    key_of,
    shown,
)
from api.engine.temporal import REQUEST_ID, EngineUnreachableError, Temporal, bounded
from workflows.hold_messages import HoldView, StartHoldInput
from workflows.machine.model import Kind
from workflows.messages import (
    MEMO_KEYS,
    MEMO_VIEW,
    SEARCH_AGENT,
    SEARCH_KIND,
    TASK_QUEUE,
    TASK_SECONDS,
    KeyRecord,
    RequestInput,
    hold_workflow_id,
)
from workflows.views import begin_hold, hold_view_of

_KIND = SearchAttributeKey.for_keyword(SEARCH_KIND)
_AGENT = SearchAttributeKey.for_keyword(SEARCH_AGENT)


class HoldInProgressError(Exception):
    """The caller is on hold already."""

    def __init__(self, record: HoldRecord) -> None:
        super().__init__()
        self.record = record


Prepare = Callable[[CallRecord], StartHoldInput]
"""Called once before a new hold is started: raises when it must not be, else answers the order."""


class Holds:
    """Starts, reads and ends holds. Raises `EngineUnreachableError` when Temporal is silent."""

    def __init__(self, temporal: Temporal, records: Records, provider: Provider) -> None:
        self._temporal = temporal
        self._records = records
        self._provider = provider

    async def start(
        self, order: StartHoldInput, mark: str, prepare: Prepare, known: CallRecord
    ) -> tuple[HoldView, bool]:
        """The hold, and whether the same request had started it before.

        Raises `KeyReusedError` when the key belongs to another request, `HoldInProgressError`, and
        `ProviderDownError`.
        """
        mine = key_of(order.part, mark, order.accepted_at)
        prepared: StartHoldInput | None = None
        for _ in range(DECISIONS_MAX):
            latest, is_down = await asyncio.gather(
                self._records.hold(order.conference_sid), self._provider.is_down()
            )
            match decide(latest, order.part, mark, order.accepted_at):
                case Repeated(key):
                    if key.run_id:
                        latest = await self._records.hold(order.conference_sid, key.run_id)
                    if latest is None:
                        raise KeyReusedError
                    return latest.view, key.post != mine.post
                case Reused():
                    raise KeyReusedError
                case decision:
                    prepared = prepared or prepare(known)
                    if isinstance(decision, Busy) and latest is not None:
                        raise HoldInProgressError(latest)
                    if is_down:
                        raise ProviderDownError
                    if isinstance(decision, Free):
                        await self._begin(prepared, (*decision.chain, mine))
        raise EngineUnreachableError

    async def resume(self, record: HoldRecord, by: str, key: str) -> HoldView:
        """The hold after the agent asked for the caller. Raises `RequestRefusedError` and
        `TransferOverError` as transfers' requests do."""
        view: HoldView = await send_update(
            self._temporal,
            hold_workflow_id(record.view.conference_sid),
            record.run_id,
            "resume",
            RequestInput(by=by),
            f"resume-{key or uuid.uuid4().hex}",
            HoldView,
        )
        return view

    async def with_journal(self, record: HoldRecord) -> HoldView:
        """The view with its journal filled in."""
        return replace(record.view, journal=await journal(record.description))

    async def _begin(self, order: StartHoldInput, chain: tuple[KeyRecord, ...]) -> None:
        """Starts the workflow; somebody else's start in the same moment is not an error."""
        client = await self._temporal.client()
        attributes: list[Any] = [SearchAttributePair(_KIND, Kind.HOLD.value)]
        if order.agent_address.startswith("client:"):
            attributes.append(SearchAttributePair(_AGENT, order.agent_address))
        begun = hold_view_of(begin_hold(order), order.accepted_at)
        try:
            async with bounded():
                await client.start_workflow(
                    "HoldWorkflow",
                    order,
                    id=hold_workflow_id(order.conference_sid),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    memo={MEMO_VIEW: begun, MEMO_KEYS: chain},
                    search_attributes=TypedSearchAttributes(attributes),
                    static_summary=f"hold by {shown(order.agent_address)}",
                    rpc_metadata={REQUEST_ID: f"hold-{order.part}"},
                )
        except WorkflowAlreadyStartedError:
            return
