"""Who hears of a room: its owner, and the hold and the supervision that may live beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.engine.facts import Facts
from tests.api.conftest import Site, new_conference, start_body
from tests.api.fakes import FakeCompanion
from workflows.machine.events import Fact, LegEnded, LegJoined, LegRang, RoomEnded
from workflows.messages import (
    TASK_QUEUE,
    call_workflow_id,
    companion_workflow_ids,
    hold_workflow_id,
    supervision_workflow_id,
    transfer_workflow_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEG = "CA" + "d" * 32


async def beside(site: Site, conference_sid: str) -> None:
    """Both companions of a call, alive: what they do with news is not asked here."""
    for workflow_id in companion_workflow_ids(conference_sid):
        await site.temporal.start_workflow(FakeCompanion.run, id=workflow_id, task_queue=TASK_QUEUE)


async def kinds(site: Site, workflow_id: str) -> list[str]:
    return [fact["kind"] for fact in await site.heard(workflow_id)]


def facts_of(site: Site) -> Facts:
    facts: Facts = site.app.state.parts.engine.facts
    return facts


@pytest.mark.parametrize(
    "fact",
    [
        LegJoined(call_sid=LEG, label="p-t1s"),
        LegEnded(call_sid=LEG),
        RoomEnded(),
    ],
    ids=lambda fact: fact.kind,
)
async def test_news_of_the_room_reaches_owner_hold_and_supervision(site: Site, fact: Fact) -> None:
    conference_sid = await site.call()
    await beside(site, conference_sid)
    assert await facts_of(site).tell(conference_sid, fact, "token") == "call"
    owners = (call_workflow_id(conference_sid), *companion_workflow_ids(conference_sid))
    assert [await kinds(site, each) for each in owners] == [[fact.kind]] * 3


async def test_companions_hear_of_a_leg_that_the_transfer_removes_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is no news to the transfer, but a supervisor who coached the agent must know."""
    conference_sid = (await site.started())["conference_sid"]
    await beside(site, conference_sid)
    monkeypatch.setattr("api.engine.facts.ON_THEIR_WAY", frozenset({"present"}))
    fact = LegEnded(call_sid="CA" + "e" * 32)
    assert await facts_of(site).tell(conference_sid, fact, "token") == "known"
    assert await kinds(site, transfer_workflow_id(conference_sid)) == []
    assert await kinds(site, supervision_workflow_id(conference_sid)) == ["leg_ended"]


async def test_ringing_is_told_to_the_owner_alone(site: Site) -> None:
    conference_sid = (await site.started())["conference_sid"]
    await beside(site, conference_sid)
    fact = LegRang(call_sid=LEG, label="p-t1")
    assert await facts_of(site).tell(conference_sid, fact, "token") == "transfer"
    assert await kinds(site, hold_workflow_id(conference_sid)) == []
    assert await kinds(site, transfer_workflow_id(conference_sid)) == ["leg_rang"]


async def test_news_that_only_a_companion_hears_names_it(site: Site) -> None:
    conference_sid = new_conference()
    await beside(site, conference_sid)
    assert await facts_of(site).tell(conference_sid, LegEnded(call_sid=LEG), "token") == "hold"


async def test_without_companions_nothing_changes(site: Site) -> None:
    conference_sid = new_conference()
    assert await facts_of(site).tell(conference_sid, LegEnded(call_sid=LEG), "token") == "nobody"


@pytest.mark.parametrize("is_over", [True, False])
async def test_who_leaves_a_transfer_that_has_ended_but_lives_on_is_told_to_the_call_too(
    site: Site, monkeypatch: pytest.MonkeyPatch, is_over: bool
) -> None:
    """A worker was killed while it dialled; the transfer was completed without waiting for the
    outcome of that, the caller hung up, and the target was left in the room."""
    conference_sid = await site.call()
    started = await site.start("crm", start_body(conference_sid, agent="client:alice"))
    assert started.status_code == 202, started.text
    await site.first_step(conference_sid)
    facts = facts_of(site)
    latest = facts._records.latest

    async def ended(conference_sid: str) -> Any:
        record = await latest(conference_sid)
        assert record is not None
        return replace(record, view=replace(record.view, is_over=is_over))

    monkeypatch.setattr(facts._records, "latest", ended)
    fact = LegEnded(call_sid=LEG, label="caller")
    assert await facts.tell(conference_sid, fact, "token") == "transfer"
    assert await kinds(site, transfer_workflow_id(conference_sid)) == ["leg_ended"]
    heard = await kinds(site, call_workflow_id(conference_sid))
    assert heard == (["leg_ended"] if is_over else [])
