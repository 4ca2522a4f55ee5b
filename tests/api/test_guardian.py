"""`GET /v1/guardian`: what the guardian found, for whoever runs the engine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from temporalio.client import Client

from api.engine import guardians
from tests.api.conftest import Site, auth
from workflows.messages import (
    GUARDIAN_TASK_QUEUE,
    GUARDIAN_WORKFLOW_ID,
    GuardianFinding,
    GuardianView,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIEW = GuardianView(
    since=1.0,
    looks=7,
    looks_failed=1,
    findings={"leg_ended": 2},
    rescues={"resume": 1},
    latest=(GuardianFinding(5.0, "leg_ended", "transfer/CF1", "CF1"),),
)


async def runs(temporal: Client, view: GuardianView) -> None:
    """A guardian with this view. Nobody works for its queue."""
    await temporal.start_workflow(
        "GuardianWorkflow",
        id=GUARDIAN_WORKFLOW_ID,
        task_queue=GUARDIAN_TASK_QUEUE,
        memo={"view": view},
    )


@pytest_asyncio.fixture(loop_scope="session")
async def looking(temporal: Client) -> AsyncIterator[GuardianView]:
    """A guardian that has just looked."""
    view = replace(VIEW, looked_at=time.time())
    await runs(temporal, view)
    yield view
    await temporal.get_workflow_handle(GUARDIAN_WORKFLOW_ID).terminate()


async def test_nothing_is_known_of_a_guardian_that_never_ran(site: Site) -> None:
    answer = await site.http.get("/v1/guardian", headers=auth("sue"))
    assert (answer.status_code, answer.json()["is_looking"]) == (200, False)
    assert answer.json()["guardian"]["looks"] == 0


@pytest.mark.parametrize("name", ["sue", "crm"])
async def test_supervisors_and_services_see_what_was_found(
    site: Site, looking: GuardianView, name: str
) -> None:
    answer = (await site.http.get("/v1/guardian", headers=auth(name))).json()
    assert answer["is_looking"] is True
    assert answer["guardian"]["findings"] == {"leg_ended": 2}
    assert answer["guardian"]["rescues"] == {"resume": 1}
    assert answer["guardian"]["latest"][0]["workflow_id"] == "transfer/CF1"


async def test_agents_do_not(site: Site, looking: GuardianView) -> None:
    answer = await site.http.get("/v1/guardian", headers=auth("alice"))
    assert (answer.status_code, answer.json()["code"]) == (403, "operators_only")
    assert (await site.http.get("/v1/guardian")).status_code == 401


async def test_guardian_that_has_stopped_looking_is_told_so(
    site: Site, looking: GuardianView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardians, "LATE_SECONDS", -1.0)
    answer = await site.http.get("/v1/guardian", headers=auth("sue"))
    assert answer.json()["is_looking"] is False


async def test_guardian_that_was_ended_is_told_so(site: Site, temporal: Client) -> None:
    await runs(temporal, replace(VIEW, looked_at=time.time()))
    await temporal.get_workflow_handle(GUARDIAN_WORKFLOW_ID).terminate()
    answer = (await site.http.get("/v1/guardian", headers=auth("sue"))).json()
    assert (answer["is_looking"], answer["guardian"]["looks"]) == (False, 7)
