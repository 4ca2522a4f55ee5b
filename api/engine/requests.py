"""The buttons: requests of a person to a live transfer, sent as updates."""

from __future__ import annotations

import uuid
from dataclasses import asdict, is_dataclass
from typing import Any

from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.converter import value_to_type
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.records import TransferRecord
from api.engine.temporal import EngineUnreachableError, Temporal, bounded
from workflows.messages import RequestInput, TransferView, split_public_id, transfer_workflow_id

ANSWER_SECONDS = 5.0
"""A worker accepts an update in some 20 ms. Past this there is no worker, or it is overwhelmed."""

REJECTED = "rejected"
"""The type of the `ApplicationError` of a request that makes no sense now."""

NOT_MEANT = "not_meant"
"""The type of that of a request that is not meant for this transfer."""

UPDATES = {
    "complete": "complete",
    "cancel": "cancel",
    "swap": "swap",
    "join": "join",
    "drop-target": "drop_target",
}
"""The verb of the API -> the name of the update."""


class RequestRefusedError(Exception):
    """The workflow is alive and says no: the reason, and its view of how things are."""

    def __init__(self, reason: str, view: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.view = view


class TransferOverError(Exception):
    """The transfer has ended; nothing can be asked of it any more."""


class NotMeantError(Exception):
    """The call's transfer is another one, or another agent's."""


class Requests:
    """Sends requests. Raises the errors above, and `EngineUnreachableError`."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def send(self, record: TransferRecord, verb: str, by: str, key: str) -> TransferView:
        """The transfer after the request was accepted.

        `key` makes a repetition the same request: its first answer is given again. An empty key
        makes each request a new one.
        """
        return await self._update(
            record.view.conference_sid, record.run_id, verb, RequestInput(by=by), key
        )

    async def send_unseen(
        self, public_id: str, verb: str, by: str, agent: str, key: str
    ) -> TransferView | None:
        """The same in one round trip, without a look at the transfer first: the transfer itself
        judges whether it is the one that is meant, and `agent`'s, unless that is empty.

        None if it is not, or not any more: then a look has to tell why.
        """
        split = split_public_id(public_id)
        if split is None:
            return None
        given = RequestInput(by=by, part=split[1], agent=agent)
        try:
            return await self._update(split[0], None, verb, given, key)
        except (NotMeantError, TransferOverError):
            return None

    async def _update(
        self, conference_sid: str, run_id: str | None, verb: str, given: RequestInput, key: str
    ) -> TransferView:
        view: TransferView = await send_update(
            self._temporal,
            transfer_workflow_id(conference_sid),
            run_id,
            UPDATES[verb],
            given,
            f"{verb}-{key}" if key else f"{verb}-{uuid.uuid4().hex}",
            TransferView,
        )
        return view


async def send_update(
    temporal: Temporal,
    workflow_id: str,
    run_id: str | None,
    update: str,
    given: RequestInput,
    update_id: str,
    shown: type,
) -> Any:
    """The workflow's view, of the type `shown`, after it accepted a request.

    Raises the errors above, and `EngineUnreachableError`.
    """
    client = await temporal.client()
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        async with bounded(ANSWER_SECONDS):
            return await handle.execute_update(update, given, id=update_id, result_type=shown)
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise EngineUnreachableError from error
    except WorkflowUpdateFailedError as error:
        raise _refusal(error, shown) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise TransferOverError from None
        if error.status is RPCStatusCode.FAILED_PRECONDITION:
            # The workflow's code fails to run, and is tried again until it does: a bad build, or
            # one that does not fit the history. Whoever asks may do so again.
            raise EngineUnreachableError from error
        raise


def _refusal(error: WorkflowUpdateFailedError, shown: type) -> Exception:
    """The cause of a failed update in our words."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        if cause.type == REJECTED:
            return RequestRefusedError(cause.message, _view_in(cause, shown))
        if cause.type == NOT_MEANT:
            return NotMeantError()
        if cause.type == "AcceptedUpdateCompletedWorkflow":
            return TransferOverError()
    return EngineUnreachableError()


def _view_in(cause: ApplicationError, shown: type) -> Any:
    """The view that came with a refusal, if it can be read."""
    for detail in cause.details:
        value: Any = asdict(detail) if is_dataclass(detail) else detail  # type: ignore[arg-type]
        try:
            return value_to_type(shown, value)
        except (TypeError, RuntimeError, KeyError):
            continue
    return None
