"""While Twilio is down new transfers are refused at once, and everything else goes on. FM-*-F32."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from api.engine import provider
from tests.api.conftest import Site, auth, new_conference, site_with, start_body
from workflows.messages import (
    PROVIDER_WORKFLOW_ID,
    hold_workflow_id,
    supervision_workflow_id,
    transfer_workflow_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def outage(temporal: Client) -> AsyncIterator[WorkflowHandle[object, object]]:
    """A worker has found Twilio down. Nobody works on it here."""
    handle = await temporal.start_workflow(
        "ProviderWorkflow", id=PROVIDER_WORKFLOW_ID, task_queue=f"nobody-{uuid.uuid4()}"
    )
    yield handle
    if (await handle.describe()).close_time is None:
        await handle.terminate()


async def test_new_transfer_is_refused_fast_and_clearly(site: Site, outage: object) -> None:
    conference_sid = new_conference()
    began = time.monotonic()
    response = await site.start("crm", start_body(conference_sid, agent="client:alice"))
    assert time.monotonic() - began < 1.0
    assert response.status_code == 503
    assert response.json()["code"] == "provider_down"
    assert "Twilio" in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0
    found = site.temporal.get_workflow_handle(transfer_workflow_id(conference_sid))
    with pytest.raises(Exception, match="not found"):
        await found.describe()


async def test_caller_is_not_put_on_hold_in_vain(site: Site, outage: object) -> None:
    call = await site.call()
    response = await site.http.post(f"/v1/calls/{call}/hold", headers=auth("alice"))
    assert (response.status_code, response.json()["code"]) == (503, "provider_down")
    assert int(response.headers["retry-after"]) > 0
    with pytest.raises(Exception, match="not found"):
        await site.temporal.get_workflow_handle(hold_workflow_id(call)).describe()


async def test_supervisors_phone_is_not_rung_in_vain(site: Site, outage: object) -> None:
    call = await site.call()
    response = await site.http.post(
        f"/v1/calls/{call}/supervisors",
        json={"mode": "monitor", "supervisor": "client:sue"},
        headers={**auth("crm"), "Idempotency-Key": "listen-in"},
    )
    assert (response.status_code, response.json()["code"]) == (503, "provider_down")
    with pytest.raises(Exception, match="not found"):
        await site.temporal.get_workflow_handle(supervision_workflow_id(call)).describe()


async def test_start_is_repeated_with_its_key_once_twilio_is_back(
    temporal: Client, outage: WorkflowHandle[object, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "FRESH_SECONDS", 0.0)
    async with site_with(temporal) as site:
        body, key = start_body(new_conference(), agent="client:alice"), "key-of-the-outage"
        assert (await site.start("crm", body, key)).status_code == 503
        await outage.terminate()
        started = await site.start("crm", body, key)
        assert started.status_code == 202, started.text
        assert "idempotent-replayed" not in started.headers


async def test_what_was_accepted_before_is_answered_and_goes_on(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "FRESH_SECONDS", 0.0)
    async with site_with(temporal) as site:
        body, key = start_body(new_conference(), agent="client:alice"), "key-before-the-outage"
        first = (await site.start("crm", body, key)).json()
        await site.first_step(first["conference_sid"])
        down = await temporal.start_workflow(
            "ProviderWorkflow", id=PROVIDER_WORKFLOW_ID, task_queue=f"nobody-{uuid.uuid4()}"
        )
        try:
            again = await site.start("crm", body, key)
            assert (again.status_code, again.json()["id"]) == (202, first["id"])
            assert again.headers["idempotent-replayed"] == "true"
            other = start_body(first["conference_sid"], agent="client:alice")
            assert (await site.start("crm", other)).json()["code"] == "transfer_in_progress"
            pressed = await site.http.post(
                f"/v1/transfers/{first['id']}/cancel", headers=auth("alice")
            )
            assert pressed.status_code == 200, pressed.text
        finally:
            await down.terminate()


async def test_whoever_may_not_start_is_not_told_of_the_outage(site: Site, outage: object) -> None:
    response = await site.start("mallory", start_body(new_conference()))
    assert response.status_code == 404


async def test_named_task_is_not_looked_up_in_vain(routed: Site, outage: object) -> None:
    body = start_body("", agent="client:alice")
    body["call"] = {"task_sid": "WT" + "1" * 32}
    response = await routed.start("crm", body)
    assert (response.status_code, response.json()["code"]) == (503, "provider_down")
