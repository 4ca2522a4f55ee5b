"""Ending one TaskRouter task, whatever has become of it meanwhile."""

from __future__ import annotations

from typing import Any

from twilio.base import values

from activities.errors import GONE, REFUSED, STALE_STATUS, TwilioError, ask, unavailable
from activities.task_reading import read_tagged
from activities.task_state import (
    ASSIGNED,
    CANCELLED,
    COMPLETED,
    PENDING,
    RESERVED,
    WRAPPING,
    state_of_task,
    status_of,
)
from activities.task_state import GONE as TASK_GONE

DECISIONS_MAX = 3
"""How often one attempt reads and decides again because the task changed in between."""
_TWILIOS_WORDS = {CANCELLED: "canceled"}

_ENDS = {
    # status now: (what follows, what follows if the worker is to have time to wrap up)
    PENDING: (CANCELLED, CANCELLED),
    RESERVED: (CANCELLED, CANCELLED),
    ASSIGNED: (COMPLETED, WRAPPING),
    WRAPPING: (COMPLETED, ""),
}
"""An assigned task cannot be cancelled, a waiting one not be completed.

https://www.twilio.com/docs/taskrouter/lifecycle-task-state
"""

UNWANTED = "engine_fault"
"""Why a task is ended that nobody looks after."""


async def end_one_task(
    workspace: Any, task_sid: str, reason: str, wrap_up: bool, conference_sid: str = ""
) -> str:
    """End a task as its status allows, with a room only if its people are in no other; answers the
    status it has then.

    With the ETag that was read, so that what happens in between is refused (412) instead of being
    decided about unseen; then it is read and decided again. Codes that stand for "not in that
    status" (20001) or "not there" (20404) are settled in the same way.
    """
    before: tuple[str, str] | None = None
    failure: TwilioError | None = None
    for _ in range(DECISIONS_MAX):
        found = await read_tagged(workspace.tasks(task_sid))
        if found is None:
            return TASK_GONE
        task, tag = found
        status = status_of(task.assignment_status)
        follows = _ENDS.get(status, ("", ""))[wrap_up]
        room = state_of_task(task).conference_sid if conference_sid else ""
        if not follows or room not in ("", conference_sid):
            return status
        if failure is not None and failure.status != STALE_STATUS and before == (status, tag):
            raise failure
        before = status, tag
        try:
            ended = await ask(
                workspace.tasks(task_sid).update_async(
                    if_match=tag or values.unset,
                    assignment_status=_TWILIOS_WORDS.get(follows, follows),
                    reason=values.unset if follows == WRAPPING else reason,
                )
            )
            return status_of(ended.assignment_status)
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            failure = error
    raise unavailable("the task changes faster than it can be ended")
