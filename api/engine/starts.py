"""Starting a transfer so that a repeated start is answered and not carried out.

The chain of remembered starts travels in the memo of a call's transfer workflow, from one run to
the next. `decide` reads it; Temporal's request id closes the gap between reading and starting.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from api import whisper
from api.engine.provider import Provider, ProviderDownError
from api.engine.records import CallRecord, Records, TransferRecord
from api.engine.temporal import REQUEST_ID, EngineUnreachableError, Temporal, bounded
from workflows.machine.model import Kind, State
from workflows.messages import (
    KEY_LIFE_SECONDS,
    KEYS_MAX,
    MEMO_KEYS,
    MEMO_TASK,
    MEMO_VIEW,
    SEARCH_AGENT,
    SEARCH_KIND,
    TASK_QUEUE,
    TASK_SECONDS,
    KeyRecord,
    StartTransferInput,
    TransferView,
    transfer_workflow_id,
)
from workflows.views import begin, view_of

WORKFLOW_TYPES = {Kind.WARM: "WarmTransferWorkflow", Kind.COLD: "ColdTransferWorkflow"}
SET_UP = frozenset({State.AWAITING.value, State.FORGOING.value})
"""States of a call that looks for its first agent."""
HEARD_SECONDS, LOOK_SECONDS = 2.0, 0.1
"""How long a start waits until the agent who asks for it is known to have picked up. The callback
that says so takes a tenth of a second; when it is lost, the guardian says so within seconds."""
DECISIONS_MAX = 5
"""Each further round needs another start to have won in between."""

_KIND = SearchAttributeKey.for_keyword(SEARCH_KIND)
_AGENT = SearchAttributeKey.for_keyword(SEARCH_AGENT)


@dataclass(frozen=True)
class Free:
    """Nothing stands in the way. `chain` is what must be remembered of earlier starts."""

    chain: tuple[KeyRecord, ...]


@dataclass(frozen=True)
class Repeated:
    """The same start was accepted before; `run_id` is empty for the run that was read."""

    key: KeyRecord


@dataclass(frozen=True)
class Reused:
    """The key was used before, for another request."""


@dataclass(frozen=True)
class Busy:
    """Another one of this call is under way."""

    record: Remembered


Decision = Free | Repeated | Reused | Busy


@dataclass(frozen=True)
class Started:
    """An accepted start. `is_replay`: it had been accepted before."""

    view: TransferView
    is_replay: bool


class KeyReusedError(Exception):
    """The Idempotency-Key belongs to another request."""


class TransferForgottenError(Exception):
    """The key is remembered, but Temporal no longer keeps the transfer that it started."""


class TransferInProgressError(Exception):
    """Another transfer of the call is under way."""

    def __init__(self, record: TransferRecord) -> None:
        super().__init__()
        self.record = record


def fingerprint(body: Any) -> str:
    """Hash of a request: the same for another order of keys or other white space."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def key_of(part: str, mark: str, at: float) -> KeyRecord:
    """What is to be remembered of one post, if it is the one that starts."""
    return KeyRecord(part, mark, at, post=secrets.token_hex(4))


class Remembered(Protocol):
    """One run of a workflow that remembers the starts of its call."""

    @property
    def keys(self) -> tuple[KeyRecord, ...]:
        """The starts that are remembered."""

    @property
    def run_id(self) -> str:
        """The run itself."""

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""


def decide(record: Remembered | None, part: str, mark: str, now: float) -> Decision:
    """What a start with this part and fingerprint means, given the latest run of its kind."""
    if record is None:
        return Free(())
    for key in record.keys:
        if key.part == part:
            return Repeated(key) if key.fingerprint == mark else Reused()
    if record.is_running:
        return Busy(record)
    closed = tuple(key if key.run_id else replace(key, run_id=record.run_id) for key in record.keys)
    young = tuple(key for key in closed if now - key.at < KEY_LIFE_SECONDS)
    return Free(young[-(KEYS_MAX - 1) :])


Prepare = Callable[[CallRecord], Awaitable[StartTransferInput]]
"""Called once before a new transfer is started: raises when it must not be, else answers the order
with what is known of the call filled in."""


class Starts:
    """Starts transfers. Raises the errors above, `ProviderDownError`, and
    `EngineUnreachableError`."""

    def __init__(self, temporal: Temporal, records: Records, provider: Provider) -> None:
        self._temporal = temporal
        self._records = records
        self._provider = provider
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Started]] = {}
        """By call, part and fingerprint: what this process is starting."""

    async def start(self, order: StartTransferInput, mark: str, prepare: Prepare) -> Started:
        """Starts the transfer, or finds the one that the same request started before.

        A repetition is answered whoever is on the call by now; only a new start is authorised.
        One that comes while the first is still being started here shares its outcome: a hundred at
        once ask Temporal as much as one does, and do not fight over the workflow's lock.
        """
        same = (order.conference_sid, order.part, mark)
        if first := self._under_way.get(same):
            return replace(await asyncio.shield(first), is_replay=True)
        task = asyncio.create_task(self._start(order, mark, prepare))
        self._under_way[same] = task

        def done(task: asyncio.Task[Started]) -> None:
            del self._under_way[same]
            # Read, so that nothing is logged of a failure that nobody waits for any more.
            _ = task.cancelled() or task.exception()

        task.add_done_callback(done)
        # Shielded: others may wait for it when this one's client has gone.
        return await asyncio.shield(task)

    async def _start(self, order: StartTransferInput, mark: str, prepare: Prepare) -> Started:
        mine = key_of(order.part, mark, order.accepted_at)
        prepared: StartTransferInput | None = None
        # All of it in one round trip: whoever clicked waits for this.
        known, is_down = await asyncio.gather(
            self._records.call(order.conference_sid), self._provider.is_down()
        )
        if is_being_set_up(known):
            known = await self._once_answered(known)
        for _ in range(DECISIONS_MAX):
            latest = known.transfer
            match decide(latest, order.part, mark, order.accepted_at):
                case Repeated(key):
                    view = await self._view_of(order.conference_sid, latest, key)
                    return Started(view, is_replay=key.post != mine.post)
                case Reused():
                    raise KeyReusedError
                case decision:
                    prepared = prepared or await prepare(known)
                    if isinstance(decision, Busy) and latest is not None:
                        raise TransferInProgressError(latest)
                    if is_down:
                        raise ProviderDownError
                    if isinstance(decision, Free):
                        await self._begin(prepared, (*decision.chain, mine))
            known = replace(known, transfer=await self._records.latest(order.conference_sid))
        raise EngineUnreachableError

    async def _once_answered(self, known: CallRecord) -> CallRecord:
        """The call once its workflow has heard who picked up, or as it is when that takes longer.

        Two would look for somebody for one caller, if a transfer began while the call's own
        workflow still believes that a phone rings.
        """
        for _ in range(round(HEARD_SECONDS / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)
            known = await self._records.call(known.conference_sid)
            if not is_being_set_up(known):
                break
        return known

    async def _view_of(
        self, conference_sid: str, latest: TransferRecord | None, key: KeyRecord
    ) -> TransferView:
        """The view of the transfer that a remembered key started."""
        record = latest
        if key.run_id:
            record = await self._records.of_run(conference_sid, key.run_id)
        if record is None:
            raise TransferForgottenError
        return record.view

    async def _begin(self, order: StartTransferInput, chain: tuple[KeyRecord, ...]) -> None:
        """Starts the workflow; somebody else's start in the same moment is not an error."""
        client = await self._temporal.client()
        attributes = [SearchAttributePair(_KIND, order.kind.value)]
        if order.agent_address.startswith("client:"):
            attributes.append(SearchAttributePair(_AGENT, order.agent_address))
        memo: dict[str, Any] = {MEMO_VIEW: view_of(begin(order)), MEMO_KEYS: chain}
        if spoken_of := whisper.memo_of(order.context):
            memo[whisper.MEMO_WHISPER] = spoken_of
        if order.task_sid:
            memo[MEMO_TASK] = order.task_sid
        try:
            async with bounded():
                await client.start_workflow(
                    WORKFLOW_TYPES[order.kind],
                    order,
                    id=transfer_workflow_id(order.conference_sid),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    memo=memo,
                    search_attributes=TypedSearchAttributes(attributes),
                    static_summary=summary(order),
                    rpc_metadata={REQUEST_ID: f"start-{order.part}"},
                )
        except WorkflowAlreadyStartedError:
            return


def is_being_set_up(known: CallRecord) -> bool:
    """Whether the call still looks for its first agent, as far as its workflow knows."""
    call = known.call
    return known.transfer is None and call is not None and not call.is_over and call.state in SET_UP


def summary(order: StartTransferInput) -> str:
    """What an operator reads in a list: `warm: client:alice to client:bob`. Never a number."""
    target = shown(order.targets[0].address) if order.targets else "nobody"
    others = sum(not each.is_reserve for each in order.targets) - 1
    more = f" and {others} more" if others > 0 else ""
    return f"{order.kind}: {shown(order.agent_address)} to {target}{more}"


def shown(address: str) -> str:
    """An address as operators may see it: ids as they are, numbers and SIP addresses by kind."""
    if address.startswith(("client:", "queue:")):
        return address
    if address.startswith("worker:"):
        return "a worker"
    if address.startswith("sip:"):
        return "a SIP address"
    return "a number" if address else "the agent"
