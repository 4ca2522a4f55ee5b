"""A button costs one round trip, and tells nobody more than a look would have told."""

from __future__ import annotations

import uuid

import pytest
from temporalio.client import Client

from api.engine import requests
from api.engine.temporal import Temporal
from tests.api.conftest import Site, auth, new_conference, site_with, start_body
from workflows.machine.model import Kind, Target
from workflows.messages import MEMO_VIEW, StartTransferInput, transfer_workflow_id
from workflows.views import begin, view_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The workflows that the api looked at."""
    looked: list[str] = []
    describe = Temporal.describe

    async def counted(self: Temporal, workflow_id: str, run_id: str | None = None) -> object:
        looked.append(workflow_id)
        return await describe(self, workflow_id, run_id)

    monkeypatch.setattr(Temporal, "describe", counted)
    return looked


async def press(site: Site, name: str, transfer_id: str, verb: str = "complete") -> tuple[int, str]:
    answer = await site.http.post(f"/v1/transfers/{transfer_id}/{verb}", headers=auth(name))
    return answer.status_code, str(answer.json().get("code", ""))


@pytest.mark.parametrize("name", ["alice", "sue", "crm"])
async def test_button_of_whoever_may_press_it_is_not_preceded_by_a_look(
    site: Site, looks: list[str], name: str
) -> None:
    transfer = await site.started()
    looks.clear()
    assert await press(site, name, transfer["id"]) == (200, "")
    assert looks == []


async def test_refusal_by_the_table_costs_no_look_either(site: Site, looks: list[str]) -> None:
    transfer = await site.started()
    looks.clear()
    assert await press(site, "alice", transfer["id"], "swap") == (409, "request_refused")
    assert looks == []


async def test_button_of_an_earlier_transfer_is_not_pressed_on_the_next_one(site: Site) -> None:
    first = await site.started()
    assert (await press(site, "alice", first["id"], "cancel"))[0] == 200
    await site.ended(first["conference_sid"])
    body = start_body(first["conference_sid"], agent="client:alice")
    second = (await site.start("crm", body)).json()
    await site.first_step(second["conference_sid"])
    assert await press(site, "alice", first["id"], "cancel") == (409, "transfer_is_over")
    answer = await site.http.get(f"/v1/transfers/{second['id']}", headers=auth("alice"))
    assert not answer.json()["is_over"]


@pytest.mark.parametrize(
    ("name", "told"), [("mallory", (404, "not_found")), ("alice", (503, "not_carried_out_yet"))]
)
async def test_without_a_worker_nobody_learns_of_a_transfer_that_is_not_theirs(
    temporal: Client, monkeypatch: pytest.MonkeyPatch, name: str, told: tuple[int, str]
) -> None:
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.3)
    order = StartTransferInput(
        kind=Kind.WARM,
        part=uuid.uuid4().hex[:16],
        conference_sid=new_conference(),
        agent_address="client:alice",
        targets=(Target("client:bob"),),
        accepted_at=1.0,
    )
    handle = await temporal.start_workflow(
        "WarmTransferWorkflow",
        order,
        id=transfer_workflow_id(order.conference_sid),
        task_queue=f"nobody-{uuid.uuid4()}",
        memo={MEMO_VIEW: view_of(begin(order))},
    )
    try:
        async with site_with(temporal) as site:
            assert await press(site, name, f"{order.conference_sid}-{order.part}") == told
            unknown = f"{new_conference()}-{order.part}"
            assert await press(site, name, unknown) == (404, "not_found")
    finally:
        await handle.terminate()
