"""What is known of transfers and calls: the memos of their workflows, decoded.

The memo is written by each step, so a read asks neither a worker nor a query, and works long after
the end.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from temporalio.client import WorkflowExecution, WorkflowExecutionDescription

from api.engine.hold_records import HoldRecord, hold_record
from api.engine.temporal import LIVE, Temporal, bounded
from workflows.hold_messages import HoldView
from workflows.machine.model import Entry, Party, Presence, Reason, State
from workflows.messages import (
    MEMO_ENTRY,
    MEMO_KEYS,
    MEMO_TASK,
    MEMO_VIEW,
    SEARCH_AGENT,
    CallView,
    KeyRecord,
    PersonView,
    TransferView,
    call_workflow_id,
    hold_workflow_id,
    split_public_id,
    transfer_workflow_id,
)

ABSENT = frozenset({"none", "gone"})
"""Presences of somebody who is not on the call."""
WITHOUT_AGENT = frozenset({State.DIVERTING.value, State.RELEASING.value})
"""States in which a call's workflow has found that nobody is with the caller any more."""
PARALLEL_READS_MAX = 16
MARK_BYTES = 8
TRANSFER_TYPES = "('WarmTransferWorkflow', 'ColdTransferWorkflow')"


@dataclass(frozen=True)
class TransferRecord:
    """One run of a call's transfer workflow."""

    view: TransferView
    keys: tuple[KeyRecord, ...]
    run_id: str
    is_running: bool
    history_length: int
    task_sid: str = ""
    """The task of the agent who started it, with TaskRouter."""
    description: WorkflowExecutionDescription | None = None

    @property
    def part(self) -> str:
        """The transfer's own part of its public id."""
        split = split_public_id(self.view.id)
        return split[1] if split else ""

    @property
    def has_the_caller(self) -> bool:
        """Whether the call is still this transfer's: not any more while it is only being closed."""
        return self.is_running and not self.view.is_over

    def is_trying(self, label: str) -> bool:
        """Whether the label is of this transfer's making, and the transfer is still alive."""
        return self.is_running and bool(self.part) and label.startswith(f"{self.part}-")


@dataclass(frozen=True)
class CallRecord:
    """A call, its latest transfer and its latest hold, as far as each is known."""

    conference_sid: str
    call: CallView | None
    transfer: TransferRecord | None
    hold: HoldRecord | None = None

    @property
    def people(self) -> tuple[PersonView, ...]:
        """Who is on the call now, as we believe it.

        A running transfer knows best, then a running hold. Between them the newest word counts that
        names somebody with the caller: a call's workflow is told when the agent it rang goes, and
        not whom a transfer has put in that agent's place.
        """
        if self.transfer and self.transfer.is_running:
            return self.transfer.view.people
        if self.hold and self.hold.is_running:
            return self.hold.view.people
        if self.call and self.call.is_over:
            return ()
        words = self._words
        if self.call and self.call.state in WITHOUT_AGENT:
            return self.call.people
        gone = {each.call_sid for word in words for each in word.people if _has_gone(each)}
        for word in words:
            people = _with_names(word.people, words)
            if any(_is_with_caller(each, gone) for each in people):
                return people
        return words[0].people if words else ()

    @property
    def _words(self) -> list[CallView | TransferView | HoldView]:
        """What says who is on the call, newest first; of two as new, whoever has ended."""
        known = (
            self.transfer.view if self.transfer else None,
            self.hold.view if self.hold else None,
            self.call,
        )
        return sorted((word for word in known if word), key=lambda word: -word.since)

    @property
    def caller_call_sid(self) -> str:
        """The caller's leg, as far as it is known."""
        return next((each.call_sid for each in self._callers if each.call_sid), "")

    @property
    def caller_addresses(self) -> frozenset[str]:
        """What the caller is known to call from."""
        return frozenset(each.address for each in self._callers if each.address)

    @property
    def _callers(self) -> tuple[PersonView, ...]:
        known = (
            self.call,
            self.transfer.view if self.transfer else None,
            self.hold.view if self.hold else None,
        )
        people = tuple(person for view in known if view for person in view.people)
        return tuple(person for person in people if person.party == Party.CALLER)

    @property
    def is_over(self) -> bool:
        """Whether the call is known to have ended."""
        if self.transfer and self.transfer.is_running:
            return False
        return self.call is not None and self.call.is_over


def _has_gone(person: PersonView) -> bool:
    """Whether this leg is known to have ended; one that was given up may be there all the same."""
    is_known = person.presence == Presence.GONE and not person.is_gone_doubtful
    return bool(person.call_sid) and is_known


def _with_names(
    people: tuple[PersonView, ...], words: Iterable[CallView | TransferView | HoldView]
) -> tuple[PersonView, ...]:
    """These people; whom a call has found in its room by the SID alone, others know by address and
    label."""
    known = {each.call_sid: each for word in words for each in word.people if each.address}
    return tuple(
        each
        if each.address or each.call_sid not in known
        else replace(each, address=known[each.call_sid].address, label=known[each.call_sid].label)
        for each in people
    )


def _is_with_caller(person: PersonView, gone: Collection[str]) -> bool:
    """Whether this is somebody else than the caller, known by an address, on a leg of which nobody
    says that it ended: a leg that has ended does not come back."""
    is_there = person.presence not in ABSENT and person.call_sid not in gone
    return is_there and person.party != Party.CALLER and bool(person.address)


def person_at(address: str, people: Iterable[PersonView]) -> PersonView | None:
    """The person on the call whose phone has this address, if there is one."""
    for person in people:
        if address and person.address == address and person.presence not in ABSENT:
            return person
    return None


@dataclass(frozen=True)
class TransferPage:
    """Some transfers, newest first, and where to go on; an empty `next` means: that was all."""

    items: tuple[TransferView, ...]
    next: str = ""


class Records:
    """Reads. Every method raises `EngineUnreachableError` when Temporal is silent."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def latest(self, conference_sid: str) -> TransferRecord | None:
        """The running transfer of a call, or its last one."""
        description = await self._temporal.describe(transfer_workflow_id(conference_sid))
        return await transfer_record(description) if description else None

    async def find(self, public_id: str) -> TransferRecord | None:
        """The transfer with this public id: the latest of its call, or an older one."""
        split = split_public_id(public_id)
        if split is None:
            return None
        latest = await self.latest(split[0])
        if latest is None or latest.part == split[1]:
            return latest
        for key in latest.keys:
            if key.part == split[1] and key.run_id:
                return await self.of_run(split[0], key.run_id)
        return None

    async def of_run(self, conference_sid: str, run_id: str) -> TransferRecord | None:
        """One run of a call's transfers; None once Temporal has forgotten it."""
        workflow_id = transfer_workflow_id(conference_sid)
        description = await self._temporal.describe(workflow_id, run_id)
        return await transfer_record(description) if description else None

    async def call(self, conference_sid: str) -> CallRecord:
        """What is known of a call. All parts are None for a call that we never saw. They are read
        at the same time: whoever clicked waits for this."""
        transfer, call, hold = await asyncio.gather(
            self.latest(conference_sid), self.call_view(conference_sid), self.hold(conference_sid)
        )
        return CallRecord(conference_sid, call, transfer, hold)

    async def hold(self, conference_sid: str, run_id: str | None = None) -> HoldRecord | None:
        """The running hold of a call, or its last one, or one run of it."""
        description = await self._temporal.describe(hold_workflow_id(conference_sid), run_id)
        return await hold_record(description) if description else None

    async def call_view(self, conference_sid: str) -> CallView | None:
        """What the call's own workflow shows; None for a call that we did not set up."""
        description = await self._temporal.describe(call_workflow_id(conference_sid))
        return await _call_view(description) if description else None

    async def transfers(
        self, call: str, agent: str, state: str, limit: int, cursor: str
    ) -> TransferPage:
        """A page of transfers, newest first.

        `state` is `live`, `over` or the name of a state. A named state is picked out of the page
        after it was read, so such a page may be short while there are more. Raises `ValueError`
        for a cursor that is not ours.
        """
        client = await self._temporal.client()
        query = _transfer_query(call, agent, state)
        token = _token(cursor, query) if cursor else None
        listing = client.list_workflows(query, page_size=limit, next_page_token=token)
        async with bounded():
            await listing.fetch_next_page()
        views = [await _listed_view(each) for each in listing.current_page or ()]
        named = "" if state in ("", "live", "over") else state
        items = tuple(view for view in views if view and (not named or view.state == named))
        token = listing.next_page_token
        return TransferPage(items, _cursor(token, query) if token else "")

    async def live_calls(self, limit: int) -> tuple[CallRecord, ...]:
        """The calls that have a running workflow, newest first."""
        client = await self._temporal.client()
        sids: dict[str, None] = {}
        for prefix in ("call/", "transfer/"):
            query = f"WorkflowId STARTS_WITH '{prefix}' AND ExecutionStatus = 'Running'"
            async with bounded():
                listing = client.list_workflows(query, page_size=limit)
                await listing.fetch_next_page()
            sids |= {each.id.removeprefix(prefix): None for each in listing.current_page or ()}
        gate = asyncio.Semaphore(PARALLEL_READS_MAX)

        async def read(sid: str) -> CallRecord:
            async with gate:
                return await self.call(sid)

        records = await asyncio.gather(*(read(sid) for sid in list(sids)[:limit]))
        return tuple(record for record in records if not record.is_over)


async def journal(description: WorkflowExecutionDescription, known: int = -1) -> tuple[Entry, ...]:
    """The journal entries of a transfer after step `known`, in order."""
    entries = []
    for key in sorted(description.raw_info.memo.fields):
        number = key.removeprefix(MEMO_ENTRY)
        if number != key and number.isdigit():
            entry: Entry = await description.memo_value(key, type_hint=Entry)
            if entry.step > known:
                entries.append(entry)
    return tuple(sorted(entries, key=lambda entry: entry.step))


async def with_journal(record: TransferRecord) -> TransferView:
    """The view with its journal filled in."""
    if record.description is None:
        return record.view
    return replace(record.view, journal=await journal(record.description))


async def transfer_record(
    description: WorkflowExecutionDescription,
) -> TransferRecord | None:
    """A description with a memo of ours -> a record; None if the memo is not ours."""
    view = await _view(description)
    if view is None:
        return None
    keys: tuple[KeyRecord, ...] = await description.memo_value(
        MEMO_KEYS, (), type_hint=tuple[KeyRecord, ...]
    )
    return TransferRecord(
        view=view,
        keys=keys,
        run_id=description.run_id,
        is_running=description.status in LIVE,
        history_length=description.history_length,
        task_sid=await description.memo_value(MEMO_TASK, "", type_hint=str),
        description=description,
    )


async def _listed_view(execution: WorkflowExecution) -> TransferView | None:
    return await _view(execution)


async def _view(execution: WorkflowExecution) -> TransferView | None:
    """The view in a memo. A workflow that was ended from outside left a live one behind: it is
    shown as what it is, a transfer that came to nothing."""
    view: TransferView | None = await execution.memo_value(MEMO_VIEW, None, type_hint=TransferView)
    if view is None or view.is_over or execution.status in LIVE:
        return view
    closed = execution.close_time.timestamp() if execution.close_time else view.since
    return replace(
        view,
        state=State.FAILED.value,
        since=closed,
        is_over=True,
        reason=Reason.ENGINE_FAULT.value,
        decided_by="engine",
        deadline_at=None,
        ended_at=closed,
        allowed=(),
        waits_for="",
    )


async def _call_view(description: WorkflowExecutionDescription) -> CallView | None:
    view: CallView | None = await description.memo_value(MEMO_VIEW, None, type_hint=CallView)
    if view is None or view.is_over or description.status in LIVE:
        return view
    return replace(view, is_over=True, reason=Reason.ENGINE_FAULT.value)


def _transfer_query(call: str, agent: str, state: str) -> str:
    """The visibility query for a page. The values were checked against patterns without quotes."""
    terms = [f"WorkflowType IN {TRANSFER_TYPES}"]
    if call:
        terms.append(f"WorkflowId = '{transfer_workflow_id(call)}'")
    if agent:
        terms.append(f"{SEARCH_AGENT} = '{agent}'")
    if state == "over":
        terms.append("ExecutionStatus != 'Running'")
    elif state:
        is_final = state in {"completed", "cancelled", "failed", "abandoned", "diverted"}
        terms.append(f"ExecutionStatus {'!=' if is_final else '='} 'Running'")
    return " AND ".join(terms)


def _cursor(token: bytes, query: str) -> str:
    """A page token as a cursor that is good for this query alone."""
    return base64.urlsafe_b64encode(_mark(token, query) + token).decode()


def _token(cursor: str, query: str) -> bytes:
    """The page token in a cursor. Raises `ValueError` unless we made it for this query: Temporal
    answers a token that it cannot read as if it were broken itself."""
    try:
        marked = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("cursor") from error
    token = marked[MARK_BYTES:]
    if marked[:MARK_BYTES] != _mark(token, query):
        raise ValueError("cursor")
    return token


def _mark(token: bytes, query: str) -> bytes:
    return hashlib.sha256(query.encode() + b"\0" + token).digest()[:MARK_BYTES]
