"""What is known of a call's hold: the memo of its workflow, decoded, with the timer running."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from temporalio.client import WorkflowExecutionDescription

from api.engine.temporal import LIVE
from workflows.hold_messages import HoldView
from workflows.machine.model import Reason, State
from workflows.messages import MEMO_KEYS, MEMO_VIEW, KeyRecord
from workflows.views import read_at


@dataclass(frozen=True)
class HoldRecord:
    """The running hold of a call, or its last one. The view's timer stands at the read."""

    view: HoldView
    keys: tuple[KeyRecord, ...]
    run_id: str
    is_running: bool
    description: WorkflowExecutionDescription


async def hold_record(description: WorkflowExecutionDescription) -> HoldRecord | None:
    """A description with a memo of ours -> a record; None if the memo is not ours."""
    view: HoldView | None = await description.memo_value(MEMO_VIEW, None, type_hint=HoldView)
    if view is None:
        return None
    keys: tuple[KeyRecord, ...] = await description.memo_value(
        MEMO_KEYS, (), type_hint=tuple[KeyRecord, ...]
    )
    is_running = description.status in LIVE
    if is_running:
        view = read_at(view, time.time())
    elif not view.is_over:
        # Ended from outside: shown as what it is, a hold that came to nothing.
        view = replace(
            view,
            state=State.FAILED.value,
            reason=Reason.ENGINE_FAULT.value,
            is_over=True,
            is_held=False,
            deadline_at=None,
            limit_at=None,
            allowed=(),
            waits_for="",
        )
    return HoldRecord(view, keys, description.run_id, is_running, description)
