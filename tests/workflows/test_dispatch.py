"""Every command has an order, every order is bounded, and every failure becomes an event."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutType
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from activities.calls import Calls, CreateCallInput, EndLegInput
from activities.errors import FailureDetails
from activities.participants import AddInput, Participants
from activities.room import Room, RoomLeg
from activities.tasks import CreateTaskInput
from workflows.dispatch import _ORDERS, order_for, rescue_orders
from workflows.dispatch_order import UNHURRIED, Notice
from workflows.dispatch_outcomes import failure_of
from workflows.dispatch_tasks import OUTLAST_SECONDS
from workflows.machine.commands import COMMANDS, DialTarget, EndTarget, SecureCaller
from workflows.machine.events import Failure, fact_from
from workflows.machine.model import (
    Accept,
    Attempt,
    Kind,
    Leg,
    Policy,
    Presence,
    ReleaseAgent,
    State,
    Target,
    Transfer,
)

HTTP_SECONDS_MAX = 2.5


def transfer(**changes: object) -> Transfer:
    """A cold transfer whose target rings, its SID not known yet."""
    label = "ab" * 8 + "-t1"
    start = Transfer(
        kind=Kind.COLD,
        part="ab" * 8,
        conference_sid="CF" + "1" * 32,
        room_name="CAroom",
        caller=Leg("+15550100", "CAc", "caller", Presence.PRESENT, held=True),
        agent=Leg("client:alice", "CAa", "", Presence.PRESENT),
        target=Leg("client:bob", "", label, Presence.DIALED),
        targets=(Target("client:bob"),),
        policy=Policy(),
        attempts=(Attempt(1, "client:bob", label, 10.0),),
        started_at=9.0,
        since=10.0,
        state=State.DIALING,
    )
    return replace(start, **changes)  # type: ignore[arg-type]


def test_every_command_has_an_order() -> None:
    assert set(_ORDERS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_order_is_bounded_and_names_itself(name: str) -> None:
    now = transfer()
    order = order_for(COMMANDS[name](key="k"), now, now)
    if isinstance(order, Notice):
        # A word to another workflow asks nothing of Twilio, and cannot be lost.
        assert fact_from(order.fact) is not None
        assert all(each.endswith(f"/{now.conference_sid}") for each in order.workflow_ids)
        return
    # A worker who has just picked up is waited for in the room, for as long as they hear a whisper.
    longest = 15.0 if name == "AcceptTask" else 5.0
    assert HTTP_SECONDS_MAX < order.start_to_close <= longest
    # What nobody waits for outlasts an outage, and asks less often; nobody else ends a call's room.
    is_last = order.retry is UNHURRIED or name == "EndRoom"
    patience = OUTLAST_SECONDS if is_last else 120.0
    assert order.start_to_close < order.schedule_to_close <= patience
    assert order.summary
    assert not any(char.isdigit() and char not in "12" for char in order.summary)
    assert order.retry.initial_interval.total_seconds() > 0


def test_dial_carries_label_and_path_and_no_number() -> None:
    now = transfer()
    given = order_for(DialTarget(key="k"), now, now).given
    assert isinstance(given, AddInput)
    assert given.label == now.target.label
    assert given.callback_path == f"/twilio/status/transfer/{now.conference_sid}/{given.label}"
    assert given.callback_events == ("answered", "completed")


def test_ringing_is_subscribed_only_where_a_row_needs_it() -> None:
    now = transfer(policy=Policy(release_agent=ReleaseAgent.ON_RINGING))
    given = order_for(DialTarget(key="k"), now, now).given
    assert given.callback_events == ("ringing", "answered", "completed")


def test_screened_target_is_called_and_not_added() -> None:
    now = transfer(targets=(Target("+15550123", accept=Accept.PRESS_1),))
    order = order_for(DialTarget(key="k"), now, now)
    assert order.activity is Calls.create_call
    assert isinstance(order.given, CreateCallInput)
    assert "?room=CAroom" in order.given.answer_path


def test_task_is_of_the_channel_of_calls() -> None:
    """Capacity is counted per channel: on another one whoever is on a call is offered a second."""
    queue = Target("queue:Billing", accept=Accept.PRESS_1, skills=("refunds",))
    begun = transfer(targets=(queue,), task_sid="WTagent")
    given = order_for(DialTarget(key="k"), begun, begun).given
    assert isinstance(given, CreateTaskInput)
    assert (given.task_channel, given.like_task_sid) == ("voice", "WTagent")
    wish = json.loads(given.attributes)["handover"]
    assert wish["requested_queue"] == "Billing"
    assert (wish["accept"], wish["skills"]) == ("press_1", ["refunds"])


def test_leg_is_ended_by_the_sid_learnt_since() -> None:
    begun = transfer()
    now = transfer(target=replace(begun.target, call_sid="CAt"))
    given = order_for(EndTarget(key="k"), begun, now).given
    assert isinstance(given, EndLegInput)
    assert given.call_sid == "CAt"


def test_doubtful_leg_is_looked_for_longer_once_nobody_waits() -> None:
    doubtful = replace(transfer().target, is_doubtful=True)
    dropping = transfer(target=doubtful, state=State.DROPPING)
    returning = transfer(target=doubtful, state=State.RETURNING)
    short = order_for(EndTarget(key="k"), dropping, dropping)
    long = order_for(EndTarget(key="k"), returning, returning)
    assert short.given.is_doubtful
    assert short.schedule_to_close < long.schedule_to_close == 120.0


def failed(cause: BaseException) -> ActivityError:
    """What Temporal raises when an activity has failed for good."""
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="w",
        activity_type="hold_participant",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", [Failure.GONE, Failure.REFUSED, Failure.UNMET])
def test_final_failure_keeps_its_kind_code_and_cause(kind: str) -> None:
    cause = ApplicationError("x", FailureDetails(code=21215, cause="blocked"), type=kind)
    event = failure_of(SecureCaller(key="k"), failed(cause), 5.0)
    assert (event.failure, event.code, event.cause) == (kind, 21215, "blocked")
    assert (event.command, event.key, event.at) == ("SecureCaller", "k", 5.0)


def test_time_out_is_unavailable() -> None:
    cause = TemporalTimeoutError("late", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[])
    assert failure_of(SecureCaller(key="k"), failed(cause), 5.0).failure == Failure.UNAVAILABLE


def test_time_out_tells_what_its_last_attempt_had_written_down() -> None:
    """Temporal was away as the hold took effect, and nobody heard of it again."""
    legs = (RoomLeg("CAcaller", held=True), RoomLeg("CAagent", exit_flag=True))
    told = [FailureDetails(room=Room("CFroom", legs=legs))]
    cause = TemporalTimeoutError(
        "late", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=told
    )
    reading = failure_of(SecureCaller(key="k"), failed(cause), 5.0).reading
    assert reading is not None
    assert [leg.exit_flag for leg in reading.legs] == [False, True]


def test_words_of_another_activity_in_a_time_out_are_no_reading() -> None:
    told = [{"known": "absent", "attempt": 3}]
    cause = TemporalTimeoutError("late", type=TimeoutType.HEARTBEAT, last_heartbeat_details=told)
    assert failure_of(SecureCaller(key="k"), failed(cause), 5.0).reading is None


def test_rescue_ends_the_ringing_leg_and_gives_the_caller_back() -> None:
    orders = rescue_orders(transfer())
    assert [order.activity for order in orders] == [Calls.end_leg, Participants.resume_participant]


def test_rescue_without_agent_sends_the_caller_to_the_apology() -> None:
    gone = replace(transfer().agent, presence=Presence.GONE)
    orders = rescue_orders(transfer(agent=gone))
    assert orders[-1].activity is Calls.divert_call
