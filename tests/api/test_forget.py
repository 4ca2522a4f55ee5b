"""What Temporal stores of a call is deleted on request, all of it and nothing else (SEC-T10)."""

from __future__ import annotations

import time

import pytest
from temporalio.client import Client

from api.forget import UnderWayError, forget, main
from tests.api.conftest import Site, auth, start_body
from tests.api.fakes import AT_ONCE, FakeInbound
from tests.e2e.telephones import until
from workflows.messages import (
    TASK_QUEUE,
    StartInboundInput,
    call_workflow_id,
    inbound_workflow_id,
    transfer_workflow_id,
)

CALLER_SID = "CA" + "c" * 32
"""The caller of every call of these tests."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def stored(temporal: Client) -> set[tuple[str, str]]:
    """Every run that Temporal can list."""
    return {(run.id, run.run_id or "") async for run in temporal.list_workflows()}


async def shown(temporal: Client, *ids: str) -> None:
    """Wait until the listing, which lags behind, shows these workflows as ended."""

    async def look() -> bool | None:
        query = "ExecutionStatus != 'Running'"
        ended = {run.id async for run in temporal.list_workflows(query)}
        return True if ended.issuperset(ids) else None

    await until(look, "the listing to show the end")


async def a_call(site: Site) -> str:
    """A call that has been transferred twice, and goes on."""
    conference_sid = await site.call()
    agent = {"address": "client:alice", "call_sid": "CA" + "1" * 32}
    for _ in range(2):
        answer = await site.start("crm", start_body(conference_sid, AT_ONCE, agent=agent))
        assert answer.status_code == 202, answer.text
        await site.ended(conference_sid)
    return conference_sid


async def over(site: Site, conference_sid: str) -> None:
    """The call ends, and the listing shows it."""
    fields = {"ConferenceSid": conference_sid, "StatusCallbackEvent": "conference-end"}
    assert (await site.webhook("/twilio/conference", fields)).status_code == 204
    call_id = call_workflow_id(conference_sid)
    await site.temporal.get_workflow_handle(call_id).result()
    await shown(site.temporal, call_id, transfer_workflow_id(conference_sid))


async def test_t10_all_that_is_stored_of_a_call_is_deleted_and_nothing_else(site: Site) -> None:
    other, conference_sid = await a_call(site), await a_call(site)
    set_up = inbound_workflow_id(CALLER_SID)
    given = StartInboundInput(CALLER_SID, "room", "+12025550143", ("client:alice",), time.time())
    await site.temporal.execute_workflow(FakeInbound.run, given, id=set_up, task_queue=TASK_QUEUE)
    with pytest.raises(UnderWayError, match=call_workflow_id(conference_sid)):
        await forget(site.temporal, conference_sid)
    await over(site, conference_sid)
    await shown(site.temporal, set_up)
    before = await stored(site.temporal)
    mine = {run for run in before if conference_sid in run[0] or run[0] == set_up}
    assert len(mine) == 4
    assert await forget(site.temporal, conference_sid) == 4

    async def look() -> bool | None:
        return True if not mine & await stored(site.temporal) else None

    await until(look, "the listing to forget them")
    assert before - await stored(site.temporal) == mine
    gone = await site.http.get(f"/v1/calls/{conference_sid}", headers=auth("crm"))
    assert gone.status_code == 404
    assert (await site.http.get(f"/v1/calls/{other}", headers=auth("crm"))).status_code == 200
    assert await forget(site.temporal, conference_sid) == 0
    await over(site, other)


@pytest.mark.parametrize("arguments", [[], ["CF1"], ["CF" + "1" * 32, "CF" + "2" * 32]])
async def test_t10_command_wants_the_id_of_one_call(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "python -m api.forget CF" in capsys.readouterr().err
