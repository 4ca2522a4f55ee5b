"""Every path ends as it says, and leaves nobody on the line who should not be there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workflows.conftest import Stage
from tests.workflows.paths import CALL_PATHS, PATHS, Path
from tests.workflows.room import AGENT, CALLER
from workflows.messages import TransferView

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_path_ends_as_told(stage: Stage, path: Path) -> None:
    result = await path(stage)
    assert (result.state, result.reason) == PATHS[path]
    assert result.is_over
    assert result.allowed == ()
    assert result.journal[-1].state_to == result.state
    assert_no_one_left_over(stage, result.state)
    assert _shown(await stage.view()) == _shown(result)


@pytest.mark.parametrize("path", CALL_PATHS, ids=lambda path: path.__name__)
async def test_call_ends_as_told(stage: Stage, path: Path) -> None:
    result = await path(stage)
    assert (result.state, result.reason) == CALL_PATHS[path]
    assert stage.room.legs == {}


def assert_no_one_left_over(stage: Stage, state: str) -> None:
    """Who is on the line at the end is who should be: counted, not assumed."""
    room = stage.room
    if state == "completed":
        assert AGENT not in room.legs
        assert len(room.legs) == 2
        assert not any(leg.held for leg in room.legs.values())
    elif state in ("cancelled", "failed"):
        others = [leg for leg in room.legs.values() if leg.call_sid != CALLER]
        assert len(others) == 1, "the agent, first or recalled, and nobody else"
        assert not any(leg.held for leg in room.legs.values())
    else:
        assert CALLER not in room.legs


def _shown(view: TransferView) -> TransferView:
    """Without the journal, and without the moment of the last look at the recording: a look after
    the last step changes that alone."""
    recording = replace(view.recording, read_at=0.0) if view.recording else None
    return replace(view, journal=(), recording=recording)
