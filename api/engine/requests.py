"""The buttons: requests of a person to a live transfer, sent as updates."""

from __future__ import annotations

import uuid
from dataclasses import asdict, is_dataclass
from typing import Any

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.converter import value_to_type
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.records import TransferRecord
from api.engine.temporal import EngineUnreachableError, Temporal, bounded
from workflows.messages import RequestInput, TransferView, transfer_workflow_id

ANSWER_SECONDS = 5.0
"""A worker accepts an update in some 20 ms. Past this there is no worker, or it is overwhelmed."""

REJECTED = "rejected"
"""The type of the `ApplicationError` of a request that makes no sense now."""

UPDATES = {
    "complete": "complete",
    "cancel": "cancel",
    "swap": "swap",
    "join": "join",
    "drop-target": "drop_target",
}
"""The verb of the API -> the name of the update."""


class RequestRefusedError(Exception):
    """The transfer is alive and says no: the reason, and the transfer as it is."""

    def __init__(self, reason: str, view: TransferView | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.view = view


class TransferOverError(Exception):
    """The transfer has ended; nothing can be asked of it any more."""


class Requests:
    """Sends requests. Raises the errors above, and `EngineUnreachableError`."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def send(self, record: TransferRecord, verb: str, by: str, key: str) -> TransferView:
        """The transfer after the request was accepted.

        `key` makes a repetition the same request: its first answer is given again. An empty key
        makes each request a new one.
        """
        client = await self._temporal.client()
        try:
            async with bounded(ANSWER_SECONDS):
                return await self._update(client, record, verb, by, key)
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise EngineUnreachableError from error
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise TransferOverError from None
            if error.status is RPCStatusCode.FAILED_PRECONDITION:
                # The transfer's code fails to run, and is tried again until it does: a bad build,
                # or one that does not fit the history. Whoever asks may do so again.
                raise EngineUnreachableError from error
            raise

    async def _update(
        self, client: Client, record: TransferRecord, verb: str, by: str, key: str
    ) -> TransferView:
        workflow_id = transfer_workflow_id(record.view.conference_sid)
        handle = client.get_workflow_handle(workflow_id, run_id=record.run_id)
        view: TransferView = await handle.execute_update(
            UPDATES[verb],
            RequestInput(by=by),
            id=f"{verb}-{key}" if key else f"{verb}-{uuid.uuid4().hex}",
            result_type=TransferView,
        )
        return view


def _refusal(error: WorkflowUpdateFailedError) -> Exception:
    """The cause of a failed update in our words."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        if cause.type == REJECTED:
            return RequestRefusedError(cause.message, _view_in(cause))
        if cause.type == "AcceptedUpdateCompletedWorkflow":
            return TransferOverError()
    return EngineUnreachableError()


def _view_in(cause: ApplicationError) -> TransferView | None:
    """The view that came with a refusal, if it can be read."""
    for detail in cause.details:
        value: Any = asdict(detail) if is_dataclass(detail) else detail  # type: ignore[arg-type]
        try:
            view: TransferView = value_to_type(TransferView, value)
        except (TypeError, RuntimeError, KeyError):
            continue
        return view
    return None
