"""What is recorded: read from memos, changed by a person's word.

While a transfer lives it is asked itself, because it pauses and resumes on its own. Otherwise a
workflow of the recording carries the word out and ends.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.records import CallRecord
from api.engine.temporal import EngineUnreachableError, Temporal, bounded
from workflows.machine.model import Reason
from workflows.messages import (
    MEMO_VIEW,
    NOT_CARRIED_OUT,
    STILL_PRIVATE,
    TASK_QUEUE,
    TASK_SECONDS,
    RecordingInput,
    RecordingView,
    RequestInput,
    ResumeRecordingInput,
    TransferView,
    recording_workflow_id,
    transfer_workflow_id,
)

ANSWER_SECONDS = 14.0
"""A transfer waits 8 s for its word to be read back; the recording's own workflow tries for 8 s,
and reads for 5 s."""
TRIES = 3
"""A transfer may end, or the workflow of an earlier word, between the look and the word."""

PAUSE, RESUME = "pause", "resume"


class WordNotCarriedOutError(Exception):
    """Twilio could not be had, or did not do it."""


class StillPrivateError(Exception):
    """What a transfer that was ended by force has left behind may be a consult."""


class Recordings:
    """Raises `WordNotCarriedOutError`, `StillPrivateError`, and `EngineUnreachableError`."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def view(self, record: CallRecord) -> RecordingView:
        """Whether a call is recorded: the latest word of its transfer, of what people asked for
        since, or of its set-up."""
        known = [
            record.transfer.view.recording if record.transfer else None,
            await self._latest_word(record.conference_sid),
            record.call.recording if record.call else None,
        ]
        found = [view for view in known if view is not None]
        return max(found, key=lambda view: view.read_at, default=RecordingView())

    async def _latest_word(self, conference_sid: str) -> RecordingView | None:
        description = await self._temporal.describe(recording_workflow_id(conference_sid))
        if description is None:
            return None
        view: RecordingView | None = await description.memo_value(
            MEMO_VIEW, None, type_hint=RecordingView
        )
        return view

    async def ask(self, record: CallRecord, word: str, by: str, key: str) -> RecordingView:
        """The recording after `word`, which is `pause` or `resume`, as it was read back.

        `key` makes a repetition the same word; an empty one makes each a new one.
        """
        update_id = f"{word}-{key or uuid.uuid4().hex}"
        transfer = record.transfer
        if transfer is not None and transfer.has_the_caller:
            view = await self._ask_transfer(transfer.view, word, by, update_id)
            if view is not None:
                return view
        request = _request(record, word, by)
        for _ in range(TRIES):
            view = await self._ask_recording(record.conference_sid, word, request, update_id)
            if view is not None:
                return view
        raise EngineUnreachableError

    async def _ask_transfer(
        self, transfer: TransferView, word: str, by: str, update_id: str
    ) -> RecordingView | None:
        """None if the transfer is over, or too close to its end to be asked."""
        client = await self._temporal.client()
        handle = client.get_workflow_handle(transfer_workflow_id(transfer.conference_sid))
        try:
            async with bounded(ANSWER_SECONDS):
                after: TransferView = await handle.execute_update(
                    f"{word}_recording",
                    RequestInput(by=by),
                    id=update_id,
                    result_type=TransferView,
                )
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise EngineUnreachableError from error
        except WorkflowUpdateFailedError:
            return None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        view = after.recording
        if view is None or view.is_doubtful or (word == PAUSE and view.state == "recording"):
            raise WordNotCarriedOutError
        return view

    async def _ask_recording(
        self, conference_sid: str, word: str, request: RequestInput, update_id: str
    ) -> RecordingView | None:
        """None if the workflow of an earlier word ended in this moment."""
        client = await self._temporal.client()
        start: WithStartWorkflowOperation[Any, RecordingView] = WithStartWorkflowOperation(
            "RecordingWorkflow",
            RecordingInput(conference_sid),
            id=recording_workflow_id(conference_sid),
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            task_timeout=timedelta(seconds=TASK_SECONDS),
            static_summary="a person's word about the recording",
        )
        try:
            async with bounded(ANSWER_SECONDS):
                view: RecordingView = await client.execute_update_with_start_workflow(
                    word,
                    request,
                    start_workflow_operation=start,
                    id=update_id,
                    result_type=RecordingView,
                )
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise EngineUnreachableError from error
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == NOT_CARRIED_OUT:
                raise WordNotCarriedOutError from None
            if isinstance(cause, ApplicationError) and cause.type == STILL_PRIVATE:
                raise StillPrivateError from None
            return None
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                return None
            raise
        return view


def _request(record: CallRecord, word: str, by: str) -> RequestInput:
    """What the workflow of the recording is asked. A transfer that did not take the word has ended
    since; it may have been by force, as one that shows it."""
    transfer = record.transfer
    if word == PAUSE or transfer is None:
        return RequestInput(by=by)
    was_cut_off = transfer.view.reason == Reason.ENGINE_FAULT
    return ResumeRecordingInput(by=by, unless_private=transfer.has_the_caller or was_cut_off)
