"""Each refusal of Twilio's is final, or worth another try, and never tells a number."""

from __future__ import annotations

import dataclasses

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from activities import errors
from activities.client import TooManyRequests
from activities.errors import (
    BACKOFF_MAX_SECONDS,
    GONE,
    REFUSED,
    UNAVAILABLE,
    UNMET,
    FailureDetails,
    backoff,
    translate,
    unmet,
)
from activities.room import Room, RoomLeg


def rest(status: int, code: int | None = None) -> TwilioRestException:
    return TwilioRestException(status, "/x", "about +15550100777", code)


@pytest.mark.parametrize(
    ("error", "kind", "cause"),
    [
        (rest(404, 20404), GONE, ""),
        (rest(404), GONE, ""),
        (rest(410), GONE, ""),
        (rest(400, 21220), GONE, ""),
        (rest(400, 16022), GONE, ""),
        (rest(400, 21211), REFUSED, "failed"),
        (rest(400, 21214), REFUSED, "failed"),
        (rest(400, 21215), REFUSED, "blocked"),
        (rest(400, 21216), REFUSED, "blocked"),
        (rest(400, 13225), REFUSED, "blocked"),
        (rest(400, 13227), REFUSED, "blocked"),
        (rest(400, 13223), REFUSED, "failed"),
        (rest(400, 16020), REFUSED, "failed"),
        (rest(400, 99999), REFUSED, "failed"),
        (rest(422), REFUSED, "failed"),
        (rest(400, 10004), UNAVAILABLE, ""),
        (rest(401, 20003), UNAVAILABLE, "failed"),
        (rest(403), UNAVAILABLE, ""),
        (rest(409, 20409), UNAVAILABLE, ""),
        (rest(500), UNAVAILABLE, ""),
        (rest(503, 20503), UNAVAILABLE, ""),
        (rest(502, 21211), UNAVAILABLE, ""),
        (TwilioServiceException("t", "title", 400, 21215), REFUSED, "blocked"),
        (TwilioServiceException("t", "title", 503, 20503), UNAVAILABLE, ""),
        (TwilioException("Unable to fetch page"), UNAVAILABLE, ""),
        (TooManyRequests(None), UNAVAILABLE, ""),
        (TimeoutError(), UNAVAILABLE, ""),
        (ConnectionResetError(), UNAVAILABLE, ""),
        (KeyError("sid"), UNAVAILABLE, ""),
    ],
)
def test_what_an_error_means(error: Exception, kind: str, cause: str) -> None:
    failure = translate(error)
    assert failure.type == kind
    assert failure.report.cause == cause
    assert failure.non_retryable is (kind != UNAVAILABLE)
    assert failure.details == (failure.report,)
    assert "555" not in str(failure)


def test_every_row_of_the_table_is_one_of_the_words() -> None:
    for code, (kind, cause) in errors.CODES.items():
        assert kind in (GONE, REFUSED, UNAVAILABLE), code
        assert bool(cause) >= (kind == REFUSED), f"{code}: a refusal has a cause"


def test_too_many_requests_waits_as_told_or_by_itself() -> None:
    told = translate(TooManyRequests(7.0)).next_retry_delay
    assert told is not None
    assert 7.0 <= told.total_seconds() <= 10.5, "as told, and apart from the others"
    alone = translate(TooManyRequests(None))
    assert alone.next_retry_delay is not None
    assert 0 < alone.next_retry_delay.total_seconds() <= BACKOFF_MAX_SECONDS
    assert alone.is_unprocessed


def test_backoff_grows_with_the_attempt_and_is_bounded() -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=5)
    delay = environment.run(lambda: translate(TooManyRequests(None))).next_retry_delay
    assert delay is not None
    assert delay.total_seconds() >= BACKOFF_MAX_SECONDS / 2
    assert max(backoff(attempt) for attempt in range(1, 2000, 50)) <= BACKOFF_MAX_SECONDS


async def test_details_cross_temporal() -> None:
    room = Room("CF" + "a" * 32, legs=(RoomLeg("CA" + "b" * 32, held=True),))
    failure = Failure()
    await DataConverter.default.encode_failure(unmet("not so", room), failure)
    back = await DataConverter.default.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert back.type == UNMET
    assert back.non_retryable
    payloads = failure.application_failure_info.details.payloads
    (details,) = await DataConverter.default.decode(payloads, [FailureDetails])
    assert details == FailureDetails(room=room)
