"""Record the history of every path: `python -m tests.workflows.record`.

A release adds histories under its version and never deletes one: what runs in production today
must replay in tomorrow's code. Recorded with the invented people of the tests.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.workflows.conftest import Stage, development_server
from tests.workflows.hold_paths import HOLD_PATHS
from tests.workflows.paths import CALL_PATHS, PATHS, RECORDING_PATHS
from tests.workflows.supervised import SUPERVISION_PATHS
from worker import WORKFLOWS, workflow_runner

HISTORIES = Path(__file__).parent / "histories"
ALL = (*PATHS, *CALL_PATHS, *RECORDING_PATHS, *SUPERVISION_PATHS, *HOLD_PATHS)


async def record(version: str) -> int:
    """Write one file per path below `histories/{version}`; answers how many."""
    folder = HISTORIES / version
    folder.mkdir(parents=True, exist_ok=True)
    async with await development_server() as environment:
        for path in ALL:
            history = await _walk(environment, path)
            text = json.dumps(_without_traces(json.loads(history)), indent=1) + "\n"
            (folder / f"{path.__name__}.json").write_text(text)
    return len(ALL)


async def _walk(environment: WorkflowEnvironment, path: object) -> str:
    stage = Stage(environment.client, f"record-{uuid.uuid4()}")
    async with Worker(
        environment.client,
        task_queue=stage.queue,
        workflows=WORKFLOWS,
        activities=stage.room.activities(),
        workflow_runner=workflow_runner(),
    ):
        await path(stage)  # type: ignore[operator]
        return (await stage.handle.fetch_history()).to_json()


def _without_traces(value: Any) -> Any:
    """The history without stack traces: they name paths of the machine that recorded it."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != "stackTrace"}
        return {name: _without_traces(each) for name, each in kept.items()}
    if isinstance(value, list):
        return [_without_traces(each) for each in value]
    return value


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else "0.1.0"
    sys.stdout.write(f"{asyncio.run(record(wanted))} histories recorded for {wanted}\n")
