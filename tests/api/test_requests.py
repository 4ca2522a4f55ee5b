"""A button whose transfer cannot take it now: which error it is, by what Temporal answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.engine.requests import Requests, TransferOverError
from api.engine.temporal import EngineUnreachableError, Temporal


def answering(error: RPCError) -> Requests:
    """Requests to a Temporal that answers each update with this error."""

    async def execute_update(*_: Any, **__: Any) -> None:
        raise error

    handle = SimpleNamespace(execute_update=execute_update)

    async def client() -> Any:
        return SimpleNamespace(get_workflow_handle=lambda *_, **__: handle)

    return Requests(cast(Temporal, SimpleNamespace(client=client)))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RPCStatusCode.NOT_FOUND, TransferOverError),
        # "Unable to perform workflow execution update due to Workflow Task in failed state."
        (RPCStatusCode.FAILED_PRECONDITION, EngineUnreachableError),
        (RPCStatusCode.RESOURCE_EXHAUSTED, EngineUnreachableError),
        (RPCStatusCode.PERMISSION_DENIED, RPCError),
    ],
)
async def test_an_answer_of_temporal_is_the_error_that_a_desktop_can_act_on(
    status: RPCStatusCode, expected: type[Exception]
) -> None:
    view = SimpleNamespace(conference_sid="CF" + "1" * 32)
    record: Any = SimpleNamespace(view=view, run_id="run")
    with pytest.raises(expected):
        await answering(RPCError("no", status, b"")).send(record, "complete", "agent", "key")
