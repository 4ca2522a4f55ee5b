"""What Twilio's refusals mean: try again, or final; and the one error that activities raise.

A message carries an HTTP status and Twilio's code, never Twilio's own text: that text quotes phone
numbers, and failure messages are read in many places.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response

from activities.client import TooManyRequests
from activities.room import Room
from activities.task_state import TaskState
from activities.throttle import HeldBack

T = TypeVar("T")

GONE = "gone"
"""The leg, the call or the room is not there any more. Final."""
REFUSED = "refused"
"""Twilio said no and would say no again. Final."""
UNMET = "unmet"
"""What had to be true before the change was not, so nothing was changed. Final."""
UNAVAILABLE = "unavailable"
"""Twilio could not be asked, or did not say what became of the request. Worth another try."""

BLOCKED = "blocked"
FAILED = "failed"
ABSENT = "absent"
"""The cause of a task that was not accepted because its worker is not in the room (yet)."""
RECORDED = "recorded"
"""The cause of what was not done because it would have been recorded."""

GONE_STATUS = frozenset({404, 410})
STALE_STATUS = 412
"""The thing has changed since its ETag was read.
https://www.twilio.com/docs/taskrouter/api/task#task-version"""
LABEL_IN_USE = 16026
"""https://www.twilio.com/docs/api/errors/16026"""
CALL_NOT_IN_PROGRESS = 21220
"""https://www.twilio.com/docs/api/errors/21220"""

CODES: dict[int, tuple[str, str]] = {
    10004: (UNAVAILABLE, ""),  # call concurrency limit exceeded: passes as calls end
    13214: (REFUSED, FAILED),  # Dial: invalid caller id
    13223: (REFUSED, FAILED),  # Dial: invalid phone number format
    13224: (REFUSED, FAILED),  # Dial: number not supported or invalid
    13225: (REFUSED, BLOCKED),  # Dial: blocked by Twilio's block list
    13226: (REFUSED, FAILED),  # Dial: invalid country code
    13227: (REFUSED, BLOCKED),  # geo permission does not allow the call
    13247: (REFUSED, FAILED),  # Dial: invalid From number
    16020: (REFUSED, FAILED),  # conference is full
    16021: (UNAVAILABLE, ""),  # account's conference concurrency exceeded: passes
    16022: (GONE, ""),  # conference does not exist or is completed
    16024: (REFUSED, FAILED),  # bad participant label
    LABEL_IN_USE: (REFUSED, FAILED),  # adopted where a leg is added; elsewhere final
    16027: (REFUSED, FAILED),  # coached participant is on hold
    16028: (REFUSED, FAILED),  # coached participant is not in the conference
    20001: (REFUSED, FAILED),  # bad parameter, or a state that does not allow it
    20003: (UNAVAILABLE, FAILED),  # not authenticated: a key is being rotated, or was revoked
    20162: (UNAVAILABLE, ""),  # a conflicting update is in progress
    20403: (UNAVAILABLE, FAILED),  # forbidden: as 20003
    20404: (GONE, ""),  # not found
    20409: (UNAVAILABLE, ""),  # conflict
    20410: (GONE, ""),  # gone
    20429: (UNAVAILABLE, ""),  # too many requests
    20500: (UNAVAILABLE, ""),  # internal server error
    20503: (UNAVAILABLE, ""),  # service unavailable
    21201: (REFUSED, FAILED),  # no called number
    21202: (REFUSED, BLOCKED),  # premium number
    21203: (REFUSED, BLOCKED),  # international calling not enabled
    21205: (REFUSED, FAILED),  # invalid URL
    21208: (REFUSED, FAILED),  # invalid Timeout
    21210: (REFUSED, FAILED),  # From not verified
    21211: (REFUSED, FAILED),  # invalid To
    21212: (REFUSED, FAILED),  # invalid From
    21213: (REFUSED, FAILED),  # From missing
    21214: (REFUSED, FAILED),  # To cannot be reached
    21215: (REFUSED, BLOCKED),  # geo permission does not allow the call
    21216: (REFUSED, BLOCKED),  # blocked by Twilio's block list
    21217: (REFUSED, FAILED),  # number does not appear to be valid
    21218: (REFUSED, FAILED),  # invalid ApplicationSid
    21219: (REFUSED, FAILED),  # To not verified (trial account)
    CALL_NOT_IN_PROGRESS: (GONE, ""),  # invalid call state: the call is over
    21226: (REFUSED, FAILED),  # SIP calling not enabled for this account
    21262: (REFUSED, FAILED),  # no AMD status callback URL
    21263: (REFUSED, FAILED),  # invalid answering-machine parameters
}
"""Twilio's error code -> our type and cause.

Each row's text: https://www.twilio.com/docs/api/errors/<code>. Authentication errors are worth
another try because retries are bounded by the step's deadline anyway, and a caller on hold is
given back as soon as a rotated key works.
"""

_UNPROCESSED_CODES = frozenset({10004, 20003, 20403, 20429})
"""Refused before anything was begun."""

_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""No connection was had, so Twilio cannot have heard the request."""

BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_MAX_SECONDS = 4.0
"""Twilio advises exponential backoff with jitter after 429; the ceiling keeps several tries within
the 15 seconds that a step usually has. https://www.twilio.com/docs/api/errors/20429"""


@dataclass(frozen=True)
class FailureDetails:
    """What goes with every failure: Twilio's code, the cause for the journal, and the room or the
    task as it was read."""

    code: int = 0
    cause: str = ""
    room: Room | None = None
    task: TaskState | None = None


class TwilioError(ApplicationError):
    """The one error of this package. `type` is one of the four words above."""

    def __init__(
        self,
        message: str,
        kind: str,
        details: FailureDetails | None = None,
        *,
        status: int = 0,
        is_unprocessed: bool = False,
        retry_after: float | None = None,
        is_expected: bool = False,
    ) -> None:
        """`is_unprocessed` says that the request is known to have had no effect. What `is_expected`
        is no fault: it is neither counted as one nor logged with a traceback."""
        self.kind = kind
        self.report = details or FailureDetails()
        self.status = status
        self.is_unprocessed = is_unprocessed
        super().__init__(
            message,
            self.report,
            type=kind,
            non_retryable=kind != UNAVAILABLE,
            next_retry_delay=None if retry_after is None else timedelta(seconds=retry_after),
            category=(
                ApplicationErrorCategory.BENIGN
                if is_expected
                else ApplicationErrorCategory.UNSPECIFIED
            ),
        )

    @property
    def code(self) -> int:
        """Twilio's error code, or 0."""
        return self.report.code


def gone(message: str, room: Room | None = None) -> TwilioError:
    """The thing is not there any more. People hang up at any moment: no fault, and the tables say
    what follows."""
    return TwilioError(message, GONE, FailureDetails(room=room), is_expected=True)


def known(call_sid: str) -> str:
    """This SID. Raises `gone` where there is none: nobody could find out whose leg it was, and
    without it a request would go to the list of all."""
    if not call_sid:
        raise gone("whose leg it was is not known")
    return call_sid


def unmet(
    message: str, room: Room | None = None, *, task: TaskState | None = None, cause: str = ""
) -> TwilioError:
    """A condition did not hold; `room` or `task` shows what was found instead. That is why it was
    looked at: no fault either."""
    details = FailureDetails(cause=cause, room=room, task=task)
    return TwilioError(message, UNMET, details, is_expected=True)


def refused(message: str) -> TwilioError:
    """Something that Twilio would refuse, so it is not even asked."""
    return TwilioError(message, REFUSED, FailureDetails(cause=FAILED))


def unavailable(message: str, retry_after: float | None = None) -> TwilioError:
    """Not known, or not done; worth another try."""
    return TwilioError(message, UNAVAILABLE, retry_after=retry_after)


def not_yet(message: str) -> TwilioError:
    """What was looked for will be there in a moment; worth another look."""
    return TwilioError(message, UNAVAILABLE, is_expected=True)


def retold(error: TwilioError, prefix: str, room: Room) -> TwilioError:
    """The same failure, with what had been done before it and the room as that left it."""
    delay = error.next_retry_delay
    return TwilioError(
        f"{prefix}: {error.message}",
        error.kind,
        replace(error.report, room=room),
        status=error.status,
        is_unprocessed=error.is_unprocessed,
        retry_after=delay.total_seconds() if delay else None,
        is_expected=error.category is ApplicationErrorCategory.BENIGN,
    )


def because(error: TwilioError, cause: str) -> TwilioError:
    """The same failure, with a cause of its own."""
    delay = error.next_retry_delay
    return TwilioError(
        error.message,
        error.kind,
        replace(error.report, cause=cause),
        status=error.status,
        is_unprocessed=error.is_unprocessed,
        retry_after=delay.total_seconds() if delay else None,
        is_expected=error.category is ApplicationErrorCategory.BENIGN,
    )


def delayed(error: TwilioError, seconds: float) -> TwilioError:
    """The same failure, worth another try no earlier than `seconds` from now."""
    own = error.next_retry_delay
    if seconds <= (own.total_seconds() if own else 0.0):
        return error
    return TwilioError(
        error.message,
        error.kind,
        error.report,
        status=error.status,
        is_unprocessed=error.is_unprocessed,
        retry_after=seconds,
        is_expected=error.category is ApplicationErrorCategory.BENIGN,
    )


async def ask(request: Awaitable[T]) -> T:
    """Await one SDK call; whatever goes wrong becomes a `TwilioError`.

    The original error is dropped on purpose (`from None`): Temporal would store its text, which
    quotes URLs and numbers. Cancellation is no `Exception` and passes through.
    """
    try:
        return await request
    except TwilioError:
        raise
    except Exception as error:
        raise translate(error) from None


def translate(error: Exception) -> TwilioError:
    """The failure that stands for `error`."""
    if isinstance(error, TooManyRequests):
        wait = backoff(_attempt())
        if error.retry_after is not None:
            wait = error.retry_after * (1.0 + 0.5 * random.random())  # noqa: S311 - spreads requests, guards nothing
        return TwilioError(
            "Twilio: too many requests",
            UNAVAILABLE,
            FailureDetails(code=20429),
            status=429,
            is_unprocessed=True,
            retry_after=wait,
        )
    if isinstance(error, HeldBack):
        return TwilioError(
            f"Twilio: not asked, {error.why}",
            UNAVAILABLE,
            is_unprocessed=True,
            retry_after=error.retry_after,
            is_expected=True,
        )
    if isinstance(error, TwilioException):
        status, code = _told(error)
        if status:
            return _refusal(status, code)
    if isinstance(error, _NEVER_SENT):
        return TwilioError("Twilio: no connection", UNAVAILABLE, is_unprocessed=True)
    if isinstance(error, TimeoutError):
        return unavailable("Twilio: no answer in time")
    if isinstance(error, aiohttp.ClientError | OSError):
        return unavailable(f"Twilio: connection lost ({type(error).__name__})")
    # What is left was raised while reading an answer: a page of a proxy, a missing field. Whether
    # the request took effect is unknown.
    return unavailable(f"Twilio: answer not understood ({type(error).__name__})")


def _told(error: TwilioException) -> tuple[int, int]:
    """HTTP status and Twilio's code, as far as the SDK tells them. For a page of a list it raises a
    bare `TwilioException` with the whole answer beside the text."""
    answer = next((each for each in error.args if isinstance(each, Response)), None)
    if answer is None:
        return _whole(getattr(error, "status", 0)), _whole(getattr(error, "code", 0))
    try:
        body = json.loads(answer.text)
    except ValueError:
        body = None
    code = body.get("code") if isinstance(body, dict) else 0
    return _whole(answer.status_code), _whole(code)


def _refusal(status: int, code: int) -> TwilioError:
    kind, cause = CODES.get(code, ("", ""))
    if not kind:
        if status in GONE_STATUS:
            kind = GONE
        elif status in (401, 403, 408, 409, 425) or status >= 500 or status < 400:
            kind = UNAVAILABLE
        else:
            kind, cause = REFUSED, FAILED
    if status >= 500:  # a code that names a refusal does not make a server error final
        kind, cause = UNAVAILABLE, ""
    return TwilioError(
        f"Twilio: HTTP {status}, code {code}",
        kind,
        FailureDetails(code=code, cause=cause),
        status=status,
        is_unprocessed=status < 500 and code in _UNPROCESSED_CODES,
        is_expected=kind == GONE,
    )


def backoff(attempt: int) -> float:
    """Seconds before the next try: doubled per attempt, half of it by chance so that many waiting
    transfers do not return together."""
    full = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(max(attempt, 1) - 1, 10))
    return full * (0.5 + 0.5 * random.random())  # noqa: S311 - spreads requests, guards nothing


def _attempt() -> int:
    return activity.info().attempt if activity.in_activity() else 1


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
