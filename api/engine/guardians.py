"""What the guardian shows of itself: its memo, read like that of any other workflow."""

from __future__ import annotations

import time
from dataclasses import dataclass

from temporalio.client import WorkflowExecutionStatus as Status

from api.engine.temporal import Temporal
from workflows.messages import GUARDIAN_WORKFLOW_ID, MEMO_VIEW, GuardianView

LATE_SECONDS = 60.0
"""A look every four seconds is shown every twenty. Past this, nobody looks."""


@dataclass(frozen=True)
class GuardianRecord:
    """The guardian as last known."""

    is_looking: bool
    view: GuardianView


async def guardian_record(temporal: Temporal) -> GuardianRecord:
    """The guardian's view, and whether it looks; an empty one if it never ran.

    Raises `EngineUnreachableError` when Temporal is silent.
    """
    found = await temporal.describe(GUARDIAN_WORKFLOW_ID)
    if found is None:
        return GuardianRecord(False, GuardianView())
    view: GuardianView = await found.memo_value(MEMO_VIEW, GuardianView(), type_hint=GuardianView)
    is_running = found.status in (Status.RUNNING, Status.CONTINUED_AS_NEW)
    return GuardianRecord(is_running and time.time() - view.looked_at < LATE_SECONDS, view)
