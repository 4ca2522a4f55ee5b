"""Telling workflows what the network reported, and starting the set-up of an inbound call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.records import Records
from api.engine.starts import shown
from api.engine.temporal import REQUEST_ID, Temporal, bounded
from workflows.machine.events import (
    Fact,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegScreened,
    RoomEnded,
    TaskEnded,
    WorkerDeclined,
    WorkerTimedOut,
    plain,
)
from workflows.machine.labels import is_supervisor
from workflows.machine.model import Presence
from workflows.messages import (
    FACT,
    MEMO_VIEW,
    SEARCH_KIND,
    TASK_QUEUE,
    TASK_SECONDS,
    StartCallInput,
    StartInboundInput,
    call_part,
    call_workflow_id,
    companion_workflow_ids,
    inbound_workflow_id,
    supervision_workflow_id,
    transfer_workflow_id,
)
from workflows.views import CALLER_LABEL, begin_call, call_view_of

ON_THEIR_WAY = frozenset({Presence.LEAVING.value, Presence.GONE.value})
"""Whose end is no news to their transfer."""
ROOM_FACTS = (LegAnswered, LegJoined, LegEnded, RoomEnded)
"""What is told of the room itself: who has come, who has gone, and its end."""
BEGUN_MAX = 10_000
"""How many calls are remembered as begun, so that the room's further events start nothing."""

_KIND = SearchAttributeKey.for_keyword(SEARCH_KIND)


class Facts:
    """Carries facts in. Raises `EngineUnreachableError` when Temporal is silent."""

    def __init__(self, temporal: Temporal, records: Records) -> None:
        self._temporal = temporal
        self._records = records
        self._begun: dict[str, None] = {}

    async def tell(self, conference_sid: str, fact: Fact, token: str) -> str:
        """Tells the owner of the call, and the workflows that live beside it.

        The owner is the call's transfer, or the call's own workflow when no transfer is under way;
        beside it may live a hold and a supervision, which hear what is told of the room. They are
        told at the same time: none waits for another, and one that does not exist costs a refused
        signal. `token` is Twilio's, the same for each repetition of one event: repetitions are
        dropped by Temporal. The answer is who heard it: `transfer`, `call`, `nobody` for old news,
        or `known` for the end of a leg that the transfer itself is ending. News that only a
        companion heard is answered with that one's name.
        """
        if isinstance(fact, TaskEnded | WorkerTimedOut | WorkerDeclined):
            return await self._tell_of_task(conference_sid, fact, token)
        if _is_supervisors(fact):
            is_heard = await self._signal(supervision_workflow_id(conference_sid), fact, token)
            return "supervision" if is_heard else "nobody"
        companions = companion_workflow_ids(conference_sid) if _is_of_room(fact) else ()
        heard_by, beside = await asyncio.gather(
            self._tell_owner(conference_sid, fact, token),
            asyncio.gather(*(self._signal(each, fact, token) for each in companions)),
        )
        if heard_by != "nobody":
            return heard_by
        return _first_of(companions, beside) or "nobody"

    async def _tell_owner(self, conference_sid: str, fact: Fact, token: str) -> str:
        """Tells the transfer, else the call. The end of the room is told to both: the transfer
        ends by it, and so does the call, which would otherwise be believed to live on. How far an
        agent's leg of the call's own set-up has come is told to the call first: a transfer may be
        asked for before that is known, and the call would go on looking for an agent."""
        if await self._is_known(conference_sid, fact):
            return "known"
        owners = {
            "transfer": transfer_workflow_id(conference_sid),
            "call": call_workflow_id(conference_sid),
        }
        if _is_of_set_up(conference_sid, fact):
            owners = dict(reversed(owners.items()))
        heard_by = ""
        for owner, workflow_id in owners.items():
            if await self._signal(workflow_id, fact, token):
                heard_by = heard_by or owner
                if not (isinstance(fact, RoomEnded) or await self._is_late(conference_sid, fact)):
                    break
        return heard_by or "nobody"

    async def _is_late(self, conference_sid: str, fact: Fact) -> bool:
        """Whether somebody has left a transfer that has reached its end already.

        It lives on while a request of its own is under way, hears whatever it is told, and changes
        nothing any more: the call is the owner by then, and would keep who is left alone.
        """
        if not isinstance(fact, LegEnded):
            return False
        record = await self._records.latest(conference_sid)
        return record is not None and record.is_running and record.view.is_over

    async def _tell_of_task(
        self, conference_sid: str, fact: TaskEnded | WorkerTimedOut | WorkerDeclined, token: str
    ) -> str:
        """Tells the transfer that made the task, and nobody else.

        A task is told of for minutes after its end, and then another transfer may run: a look at
        the memo costs nothing, a signal does.
        """
        record = await self._records.latest(conference_sid)
        if record is None or not record.is_trying(fact.label):
            return "nobody"
        is_heard = await self._signal(transfer_workflow_id(conference_sid), fact, token)
        return "transfer" if is_heard else "nobody"

    async def _is_known(self, conference_sid: str, fact: Fact) -> bool:
        """Whether the transfer is removing this leg itself and hears from that what came of it.

        A signal costs, and Twilio tells each removal twice; a look at the memo costs nothing. The
        caller's hang-up never waits for it.
        """
        if not isinstance(fact, LegEnded) or fact.label == CALLER_LABEL:
            return False
        record = await self._records.latest(conference_sid)
        if record is None or not record.is_running:
            return False
        return any(
            person.call_sid == fact.call_sid and person.presence in ON_THEIR_WAY
            for person in record.view.people
        )

    async def _signal(self, workflow_id: str, fact: Fact, token: str) -> bool:
        """Whether there was a live workflow to hear it."""
        client = await self._temporal.client()
        handle = client.get_workflow_handle(workflow_id)
        name = _name(fact, token)
        metadata = {REQUEST_ID: name} if name else {}
        try:
            async with bounded():
                await handle.signal(FACT, plain(fact), rpc_metadata=metadata)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def begin_inbound(self, order: StartInboundInput) -> None:
        """Starts the set-up of an inbound call, once however often Twilio asks."""
        client = await self._temporal.client()
        first = shown(order.agents[0]) if order.agents else "nobody"
        try:
            async with bounded():
                await client.start_workflow(
                    "InboundWorkflow",
                    order,
                    id=inbound_workflow_id(order.call_sid),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    static_summary=f"inbound: offered to {first}",
                    rpc_metadata={REQUEST_ID: f"inbound-{order.call_sid}"},
                )
        except WorkflowAlreadyStartedError:
            return

    async def begin_call(
        self, conference_sid: str, room_name: str, is_recorded: bool = False
    ) -> None:
        """Starts the owner of a call that TaskRouter set up, once however often this is asked.

        Only the room is known: who is in it is read by the owner.
        """
        if conference_sid in self._begun:
            return
        order = StartCallInput(
            conference_sid=conference_sid,
            room_name=room_name,
            caller_call_sid="",
            caller_address="",
            agents=(),
            accepted_at=time.time(),
            task_sid=room_name,
            is_recorded=is_recorded,
        )
        call = begin_call(order)
        kind = SearchAttributePair(_KIND, call.kind.value)
        client = await self._temporal.client()
        try:
            async with bounded():
                await client.start_workflow(
                    "CallWorkflow",
                    order,
                    id=call_workflow_id(conference_sid),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    memo={MEMO_VIEW: call_view_of(call)},
                    search_attributes=TypedSearchAttributes([kind]),
                    static_summary="an inbound call, by TaskRouter",
                    rpc_metadata={REQUEST_ID: f"call-{conference_sid}"},
                )
        except WorkflowAlreadyStartedError:
            pass
        if len(self._begun) >= BEGUN_MAX:
            del self._begun[next(iter(self._begun))]
        self._begun[conference_sid] = None


def _is_of_room(fact: Fact) -> bool:
    return isinstance(fact, ROOM_FACTS)


def _is_of_set_up(conference_sid: str, fact: Fact) -> bool:
    """Whether this tells of a phone that the call's own workflow rings, by its label."""
    if not isinstance(fact, LegRang | LegAnswered | LegJoined | LegScreened):
        return False
    return fact.label.startswith(f"{call_part(conference_sid)}-")


def _first_of(companions: Sequence[str], heard: Sequence[bool]) -> str:
    """The kind of the first companion that heard the news; empty if none did."""
    ids = (each for each, has_heard in zip(companions, heard, strict=True) if has_heard)
    return next(ids, "").partition("/")[0]


def _is_supervisors(fact: Fact) -> bool:
    """Whether only the supervision is concerned: a supervisor rings or has come. That one has left
    is told to all, because a supervisor may have become the agent."""
    kinds = LegRang | LegAnswered | LegJoined | LegScreened
    return isinstance(fact, kinds) and is_supervisor(fact.label)


def _name(fact: Fact, token: str) -> str:
    """What Temporal knows repetitions of a fact by; empty if they cannot be told apart.

    A leg ends once, but Twilio says so twice: as progress of the call, and as an event of the room.
    A task is cancelled and then deleted.
    """
    if isinstance(fact, LegEnded) and fact.call_sid:
        return f"{fact.kind}-{fact.call_sid}-{fact.cause}"
    if isinstance(fact, TaskEnded):
        return f"{fact.kind}-{fact.task_sid}"
    return f"{fact.kind}-{token}" if token else ""
