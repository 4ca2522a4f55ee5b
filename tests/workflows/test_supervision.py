"""Supervision on the real shell: requests are answered when they are so, or refused with a code."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.workflows.conftest import Stage
from tests.workflows.room import AGENT, CALLER
from tests.workflows.supervised import SUPERVISION_PATHS, Path, Supervised
from workflows.dispatch_supervision import _ORDERS, supervision_order_for
from workflows.machine.supervision.commands import COMMANDS
from workflows.machine.supervision.model import Mode
from workflows.messages import StartSupervisionInput
from workflows.supervision_views import begin_supervision

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("path", SUPERVISION_PATHS, ids=lambda path: path.__name__)
async def test_path_ends_as_told(stage: Stage, path: Path) -> None:
    result = await path(stage)
    assert result.is_over
    assert [each.state for each in result.supervisors] == [SUPERVISION_PATHS[path]]
    assert result.journal[-1].who == "v1"
    ours = [leg for leg in stage.room.legs.values() if leg.label.endswith("-v1")]
    assert len(ours) == (SUPERVISION_PATHS[path] == "took_over"), "no leg is left over"


async def test_change_answers_when_it_is_so(stage: Stage) -> None:
    scene = Supervised(stage)
    label = await scene.listens(scene.wish())
    await scene.until(label, "listening")
    assert scene.leg(label).muted
    for verb, state, muted, coaching, heard_by in (
        ("whisper", "whispering", False, True, ("agent",)),
        ("barge", "barging", False, False, ("caller", "agent")),
        ("whisper", "whispering", False, True, ("agent",)),
        ("monitor", "listening", True, False, ()),
    ):
        view = await scene.change(label, verb)
        (mine,) = view.supervisors
        leg = scene.leg(label)
        assert (mine.state, leg.muted, leg.coaching) == (state, muted, coaching)
        assert mine.heard_by == heard_by
    assert stage.room.asked.count("set_voice") == 1 + 1 + 2 + 2 + 1, "through silence each time"


async def test_whisper_to_a_held_agent_is_refused_and_the_supervisor_stays_muted(
    stage: Stage,
) -> None:
    """FM-S3-F30."""
    scene = Supervised(stage)
    label = await scene.listens(scene.wish())
    await scene.until(label, "listening")
    stage.room._change(AGENT, held=True)
    assert await _refusal(scene, label, "whisper") == "coach_target_unavailable"
    assert scene.leg(label).muted
    mine = await scene.until(label, "listening")
    assert (mine.mode, mine.heard_by) == ("monitor", ())


async def test_doubtful_voice_is_reported_as_audible_until_it_is_silenced(stage: Stage) -> None:
    """FM-S3-F09."""
    scene = Supervised(stage)
    label = await scene.listens(scene.wish())
    await scene.until(label, "listening")
    stage.room.fail("set_voice", "unavailable", times=500)
    asking = asyncio.create_task(_refusal(scene, label, "barge"))
    mine = await scene.until(label, "opening")
    assert mine.heard_by == ("caller", "agent")
    mine = await scene.until(label, "silencing")
    assert mine.heard_by == ("caller", "agent"), "the mute is not proven"
    stage.room.failures.clear()
    assert await asking == "provider_unavailable"
    mine = await scene.until(label, "listening")
    assert mine.heard_by == ()


async def test_two_supervisors_and_one_whisper(stage: Stage) -> None:
    scene = Supervised(stage)
    first = await scene.listens(scene.wish(Mode.WHISPER))
    await scene.until(first, "whispering")
    wish = scene.wish(name="tom")
    await scene.join(wish)
    again = await scene.join(wish)
    assert len(again.supervisors) == 2, "the same request twice is one supervisor"
    second = f"{wish.part}-v2"
    await scene.answer(second)
    await scene.until(second, "listening")
    assert await _refusal(scene, second, "whisper") == "agent_is_coached"
    await scene.change(first, "monitor")
    await scene.change(second, "whisper")
    assert scene.leg(second).coach_call_sid == AGENT


async def test_take_over_keeps_the_agent_when_the_caller_is_held(stage: Stage) -> None:
    scene = Supervised(stage)
    label = await scene.listens(scene.wish())
    await scene.until(label, "listening")
    stage.room.fail("remove_participant", "unmet")
    assert await _refusal(scene, label, "take_over") == "agent_not_released"
    mine = await scene.until(label, "barging")
    assert AGENT in stage.room.legs
    assert mine.heard_by == ("caller", "agent")


async def test_refused_dial_ends_the_supervision(stage: Stage) -> None:
    stage.room.fail("add_participant", "refused")
    scene = Supervised(stage)
    await scene.begin(scene.wish())
    result = await stage.handle.result()
    assert [each.state for each in result.supervisors] == ["left"]
    assert CALLER in stage.room.legs
    assert AGENT in stage.room.legs


async def _refusal(scene: Supervised, label: str, verb: str) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await scene.change(label, verb)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause.message


async def test_every_command_about_a_supervisor_has_an_order() -> None:
    assert set(_ORDERS) | {"ReadSupervised"} == set(COMMANDS)
    value = begin_supervision(StartSupervisionInput("CF", "part", 1.0))
    order = supervision_order_for(COMMANDS["ReadSupervised"](key="/1/R"), value, value)
    assert order.given.conference_sid == "CF"
    assert order.given.owner_id == "call/CF", "who is the caller of a call that nobody has named?"
    known = replace(value, caller_call_sid="CA")
    order = supervision_order_for(COMMANDS["ReadSupervised"](key="/1/R"), known, known)
    assert order.given.owner_id == ""
