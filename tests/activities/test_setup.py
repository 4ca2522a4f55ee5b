"""At its start a worker looks whether the workspace and the workflow of its settings exist."""

from __future__ import annotations

import pytest

from activities.settings import SettingsError, TwilioSettings
from activities.setup import check_setup
from tests.activities.centre import Centre


async def test_a_set_up_that_exists_is_taken(centre: Centre) -> None:
    await check_setup(centre.client, as_taskrouter(centre))
    assert centre.phones.asked == ["workspaces.fetch", "workflows.fetch"]


@pytest.mark.parametrize(
    ("name", "sid"),
    [("twilio_workspace_sid", "WS" + "7" * 32), ("twilio_workflow_sid", "WW" + "7" * 32)],
)
async def test_what_does_not_exist_is_named(centre: Centre, name: str, sid: str) -> None:
    settings = as_taskrouter(centre).model_copy(update={name: sid})
    with pytest.raises(SettingsError, match=rf"{name.upper()} names nothing.*provision"):
        await check_setup(centre.client, settings)


@pytest.mark.parametrize("status", [429, 500, 503, 401])
async def test_a_twilio_out_of_reach_does_not_keep_the_worker_down(
    centre: Centre, status: int
) -> None:
    with centre.phones.fault("workspaces.fetch", "status", status=status):
        await check_setup(centre.client, as_taskrouter(centre))


async def test_without_queues_nothing_is_asked(centre: Centre) -> None:
    await check_setup(centre.client, centre.settings.model_copy(update={"handover_mode": "direct"}))
    assert centre.phones.asked == []


def as_taskrouter(centre: Centre) -> TwilioSettings:
    return centre.settings.model_copy(update={"handover_mode": "taskrouter"})
