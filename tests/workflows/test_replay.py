"""Recorded histories of every path replay in today's code: no running transfer is lost by a change.

After a change that breaks a replay on purpose, the change is versioned; the histories stay.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.workflows.paths import CALL_PATHS, PATHS, RECORDING_PATHS
from tests.workflows.supervised import SUPERVISION_PATHS
from worker import WORKFLOWS, workflow_runner

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*/*.json"))


def _text(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_history_replays(path: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner())
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, _text(path)))


def test_every_path_has_a_history() -> None:
    recorded = {path.stem for path in HISTORIES}
    walked = (*PATHS, *CALL_PATHS, *RECORDING_PATHS, *SUPERVISION_PATHS)
    assert recorded >= {path.__name__ for path in walked}


async def test_replay_notices_a_changed_order() -> None:
    """The check can fail: a history with two activities exchanged does not replay."""
    path = next(each for each in HISTORIES if each.stem == "cold_completed_on_answer")
    text = _text(path)
    spoilt = text.replace('"name": "add_participant"', '"name": "end_leg"')
    assert spoilt != text
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner())
    with pytest.raises(Exception, match=r"(?i)nondeterminis"):
        await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, spoilt))
