"""Creating at most once: what to do when nobody knows whether a create took effect.

Twilio documents no idempotency key for creating calls, participants or tasks, so a create that is
simply repeated after a time-out may ring two phones. Each attempt of the activity is therefore one
step of a cycle: ask; after an unknown outcome, look; absent twice, a second apart, ask again.

A leg or a task is known to nobody but its workflow. One whose workflow was ended by force while it
was being made is therefore ended by whoever made it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from twilio.rest import Client

from activities.ending import complete_call
from activities.errors import LABEL_IN_USE, TwilioError, unavailable
from activities.owners import described_soon

LOOK_AGAIN_SECONDS = 1.0
"""Between the two looks that must both find nothing. A create that Twilio accepted is listed well
within it; the label's uniqueness (error 16026) guards what comes later still."""

_CALL_SID = re.compile(r"^CA[0-9a-f]{32}$")
_TASK_SID = re.compile(r"^WT[0-9a-f]{32}$")

_CLEAR = "clear"
"""The attempt before asked, and its request is known not to have been processed."""
_ABSENT = "absent"
"""The attempt before looked and found nothing."""


@dataclass(frozen=True)
class AddedLeg:
    """The leg that is being dialled. `is_adopted`: an earlier attempt had already made it."""

    call_sid: str
    is_adopted: bool = False


@dataclass(frozen=True)
class AddedTask:
    """The task that waits for somebody. `is_adopted`: an earlier attempt had already made it."""

    task_sid: str = ""
    is_adopted: bool = False


async def create_once(
    client: Client, create: Callable[[], Awaitable[str]], find: Callable[[], Awaitable[str]]
) -> AddedLeg:
    """One step of the cycle. `create` and `find` answer a call SID; `find` may answer none."""
    call_sid, is_adopted = await _step(create, find, checked_call_sid)
    if not await is_awaited():
        await complete_call(client, call_sid)
    return AddedLeg(call_sid, is_adopted)


async def create_task_once(
    create: Callable[[], Awaitable[str]], find: Callable[[], Awaitable[str]]
) -> AddedTask:
    """The same step for a task: `create` and `find` answer a task SID."""
    task_sid, is_adopted = await _step(create, find, checked_task_sid)
    return AddedTask(task_sid, is_adopted)


def checked_call_sid(value: object) -> str:
    """`value` if it is a call SID; an answer without one tells nothing about what was done."""
    if isinstance(value, str) and _CALL_SID.match(value):
        return value
    raise unavailable("Twilio: answer without a call SID")


def checked_task_sid(value: object) -> str:
    """`value` if it is a task SID."""
    if isinstance(value, str) and _TASK_SID.match(value):
        return value
    raise unavailable("Twilio: answer without a task SID")


async def _step(
    create: Callable[[], Awaitable[str]],
    find: Callable[[], Awaitable[str]],
    checked: Callable[[object], str],
) -> tuple[str, bool]:
    """The SID, and whether an earlier attempt had already made what it names."""
    attempt = activity.info().attempt
    known = _recall(attempt)
    if attempt > 1 and known != _CLEAR:
        found = await _look(find, known)
        if found:
            return checked(found), True
        if known != _ABSENT:
            _remember(_ABSENT)
            raise unavailable("not found yet", retry_after=LOOK_AGAIN_SECONDS)
    try:
        return checked(await create()), False
    except TwilioError as error:
        if error.code == LABEL_IN_USE:
            found = await find()
            if found:
                return checked(found), True
            raise unavailable("label in use, but its leg is not found") from None
        if error.is_unprocessed:
            _remember(_CLEAR)
        raise


async def is_awaited() -> bool:
    """Whether the workflow that asked still runs; true as well if that cannot be known."""
    info = activity.info()
    asker = info.workflow_id or ""
    try:
        found = await described_soon(activity.client(), asker, info.workflow_run_id)
    except TimeoutError:
        return True
    except RPCError as error:
        return error.status is not RPCStatusCode.NOT_FOUND
    return found.status is WorkflowExecutionStatus.RUNNING


async def _look(find: Callable[[], Awaitable[str]], known: str) -> str:
    try:
        return await find()
    except TwilioError:
        if known:
            _remember(known)
        raise


def _remember(word: str) -> None:
    """Tell the next attempt. The attempt's own number goes along: what is remembered is only true
    for the very next one, since any attempt in between may have asked and died."""
    activity.heartbeat({"known": word, "attempt": activity.info().attempt})


def _recall(attempt: int) -> str:
    for detail in activity.info().heartbeat_details:
        if isinstance(detail, dict) and detail.get("attempt") == attempt - 1:
            return str(detail.get("known") or "")
    return ""
