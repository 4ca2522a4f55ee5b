"""The recording on the real server: with a transfer, between transfers, and when both meet."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.workflows import paths
from tests.workflows.conftest import Stage
from tests.workflows.room import CALLER
from workflows.machine.model import Kind
from workflows.messages import MEMO_VIEW, NOT_CARRIED_OUT, STILL_PRIVATE, RecordingView

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("path", "tape"),
    [
        (paths.warm_recorded_but_for_the_consult, "running"),
        (paths.warm_recording_paused_by_a_person, "paused"),
        (paths.warm_recording_wanted_back_in_the_consult, "running"),
        (paths.warm_recording_cannot_be_paused, "running"),
        (paths.recording_paused_between_transfers, "paused"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_what_is_recorded_in_the_end(stage: Stage, path: paths.Path, tape: str) -> None:
    result = await path(stage)
    assert stage.room.tape == tape
    shown = result if isinstance(result, RecordingView) else result.recording
    assert shown.state == {"running": "recording", "paused": "paused"}[tape]


async def test_nobody_is_rung_before_the_recording_is_paused(stage: Stage) -> None:
    stage.room.tape = "running"
    gate = stage.room.block("hold_participant")
    await stage.start(Kind.WARM, "client:bob", policy=paths.PRIVATE)
    await stage.room.began["hold_participant"].wait()
    assert stage.room.asked == ["read_recordings", "hold_participant"]
    assert stage.room.given[-1].pause_recordings
    gate.set()
    await stage.answer()
    view = await stage.until("consulting")
    assert view.recording.state == "paused"
    assert (view.recording.by, view.recording.resumes_after_consult) == ("consult", True)
    view = await stage.ask("pause_recording")
    assert (view.recording.by, view.recording.resumes_after_consult) == ("person", False)
    await stage.ask("cancel")
    assert (await stage.handle.result()).recording.by == "person"
    assert stage.room.tape == "paused"


async def test_a_transfer_that_need_not_pause_asks_nothing_about_recordings(stage: Stage) -> None:
    stage.room.tape = "running"
    result = await paths.warm_completed_after_join(stage)
    assert not [name for name in stage.room.asked if name.endswith("recordings")]
    assert result.recording is None


async def test_no_recording_is_begun_where_there_is_none(stage: Stage) -> None:
    view = await stage.record("resume")
    assert (view.state, stage.room.tape) == ("none", "")
    await stage.recording.result()
    view = await stage.record("pause")
    assert view.state == "none"


async def test_words_are_carried_out_one_after_the_other(stage: Stage) -> None:
    stage.room.tape = "running"
    gate = stage.room.block("pause_recordings")
    pause = asyncio.create_task(stage.record("pause"))
    await asyncio.wait_for(stage.room.entered["pause_recordings"].wait(), 15)
    resume = asyncio.create_task(stage.record("resume"))
    gate.set()
    assert (await pause).state == "paused"
    assert (await resume).state == "recording"
    assert stage.room.tapes == ["paused", "running"]


async def test_a_pause_that_cannot_be_had_is_told_as_recording(stage: Stage) -> None:
    stage.room.tape = "running"
    stage.room.fail("pause_recordings", "refused")
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await stage.record("pause")
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == NOT_CARRIED_OUT
    await stage.recording.result()
    description = await stage.recording.describe()
    view = await description.memo_value(MEMO_VIEW, type_hint=RecordingView)
    assert (view.state, view.is_doubtful) == ("recording", True)


async def test_a_transfer_that_has_just_begun_is_told_of_a_pause(stage: Stage) -> None:
    """The api saw no transfer, and there is one when the pause is in effect."""
    stage.room.tape = "running"
    await stage.start(Kind.WARM, "client:bob", policy=paths.PRIVATE)
    await stage.answer()
    view = await stage.until("consulting")
    assert view.recording.by == "consult"
    view = await stage.record("pause")
    assert view.state == "paused"
    await stage.ask("complete")
    assert (await stage.handle.result()).recording.by == "person"
    assert stage.room.tape == "paused", "what a person paused is not resumed by the transfer"


async def test_a_pause_holds_against_a_resume_that_was_under_way(stage: Stage) -> None:
    """The transfer's resume reaches Twilio after the person's pause has been read back."""
    stage.room.tape = "running"
    await stage.start(Kind.WARM, "client:bob", policy=paths.PRIVATE)
    await stage.answer()
    await stage.until("consulting")
    gate = stage.room.block("resume_recordings")
    await stage.ask("cancel")
    await asyncio.wait_for(stage.room.entered["resume_recordings"].wait(), 15)
    assert (await stage.record("pause")).state == "paused"
    gate.set()
    await stage.handle.result()
    await stage.recording.result()
    assert stage.room.tape == "paused"
    assert "running" in stage.room.tapes, "the resume did come last, and was taken back"


async def test_what_a_cut_off_transfer_left_together_is_not_recorded(stage: Stage) -> None:
    """Seed 102688: the transfer was ended by force, its target picked up, and the agent's word
    had recorded what they said."""
    stage.room.tape = "running"
    await stage.start(Kind.WARM, "client:bob", policy=paths.PRIVATE)
    await stage.answer()
    await stage.until("consulting")
    await stage.handle.terminate()
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await stage.record("resume", unless_private=True)
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, stage.room.tape) == (STILL_PRIVATE, "paused")
    stage.room.hold(CALLER, False)
    assert (await stage.record("resume", unless_private=True)).state == "recording"


async def test_an_agent_who_holds_the_caller_on_purpose_is_recorded(stage: Stage) -> None:
    stage.room.tape = "paused"
    await stage.start_hold()
    await stage.until("held")
    assert (await stage.record("resume", unless_private=True)).state == "recording"
