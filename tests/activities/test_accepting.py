"""A task is accepted once, for the worker who is in the room, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from activities import tasks
from activities.errors import ABSENT, GONE, UNAVAILABLE, UNMET, TwilioError
from activities.tasks import AcceptInput
from tests.activities.centre import LOST, Centre, made, wishes, words
from tests.activities.telephony import attempt, attempts


async def test_accepting_twice_is_accepting_once(centre: Centre) -> None:
    sid = await made(centre)
    given = AcceptInput(sid, worker_sid=centre.worker("anna").sid)
    state = await attempt(centre.tasks.accept_reservation, given)
    assert words(state) == ("assigned", "accepted")
    assert state.worker_name == "anna"
    assert words(await attempt(centre.tasks.accept_reservation, given)) == words(state)
    assert centre.phones.effects("reservations.update") == 1
    assert centre.task(sid).status == "assigned"


@pytest.mark.parametrize("fault", LOST)
async def test_an_accept_of_unknown_outcome_is_settled(centre: Centre, fault: str) -> None:
    sid = await made(centre)
    with centre.phones.fault("reservations.update", fault):
        await attempts(centre.tasks.accept_reservation, AcceptInput(sid))
    assert centre.reservation(sid).status == "accepted"
    assert centre.phones.effects("reservations.update") == 1


@pytest.mark.parametrize(
    ("verb", "status", "cause"),
    [
        ("reservations.reject", "rejected", "rejected"),
        ("reservations.time_out", "timed_out", "no_answer"),
    ],
)
async def test_an_offer_that_came_to_nothing_is_unmet(
    centre: Centre, verb: str, status: str, cause: str
) -> None:
    sid = await made(centre)
    centre.happens(verb, centre.reservation(sid))
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.accept_reservation, AcceptInput(sid))
    assert raised.value.type == UNMET
    assert raised.value.report.cause == cause
    assert raised.value.report.task is not None
    assert raised.value.report.task.reservation_status == status


async def test_a_reservation_for_another_worker_or_leg_is_not_accepted(centre: Centre) -> None:
    sid = await made(centre)
    task = centre.task(sid)
    attributes = task.attributes | {"worker_call_sid": "CA" + "1" * 32}
    with centre.phones.runtime.act() as network:
        network.taskrouter.tasks.set_attributes(task, attributes)
    for given in (
        AcceptInput(sid, worker_sid=centre.worker("ben").sid),
        AcceptInput(sid, worker_call_sid="CA" + "2" * 32),
    ):
        with pytest.raises(TwilioError) as raised:
            await attempt(centre.tasks.accept_reservation, given)
        assert raised.value.type == UNMET
    await attempt(centre.tasks.accept_reservation, AcceptInput(sid, "CA" + "1" * 32))
    assert task.status == "assigned"


async def test_a_task_that_is_gone_cannot_be_accepted(centre: Centre) -> None:
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.accept_reservation, AcceptInput("WT" + "f" * 32))
    assert raised.value.type == GONE


async def test_an_offer_that_is_open_and_refused_is_tried_again(centre: Centre) -> None:
    """A 404 for an offer that the list shows as pending is not believed."""
    sid = await made(centre)
    given = AcceptInput(sid)
    with centre.phones.fault("reservations.update", "status", status=404):
        with pytest.raises(TwilioError) as raised:
            await attempt(centre.tasks.accept_reservation, given)
        assert raised.value.type == UNAVAILABLE
        await attempt(centre.tasks.accept_reservation, given)
    assert centre.task(sid).status == "assigned"


async def test_next_workers_offer_is_not_taken_for_the_one_that_is_meant(centre: Centre) -> None:
    """Whoever declines has the next one asked at once, before that one's phone is dialled."""
    sid = await made(centre, attributes=wishes(skills=["support"]))
    meant = centre.reservation(sid)
    centre.goes("ben", "Available")
    centre.happens("reservations.reject", meant, None)
    assert centre.reservation(sid).sid != meant.sid
    assert centre.reservation(sid).status == "pending"
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.accept_reservation, AcceptInput(sid, reservation_sid=meant.sid))
    assert (raised.value.type, raised.value.report.cause) == (UNMET, "rejected")
    assert centre.reservation(sid).status == "pending"


# --- who has just picked up ---------------------------------------------------------------------


def looks(monkeypatch: pytest.MonkeyPatch, *happens: Callable[[], object]) -> None:
    """What happens before each look for the worker. No time passes."""

    class Pauses:
        def __iter__(self) -> Iterator[float]:
            for each in happens:
                each()
                yield 0.0

    monkeypatch.setattr(tasks, "LOOKS_SECONDS", Pauses())


def nothing() -> None:
    """Nobody does anything."""


async def test_worker_who_comes_into_the_room_gets_the_task(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = await made(centre)
    centre.phones.people_talk()
    call_sid = centre.phones.enter("client:kim")
    centre.phones.hangs_up("client:kim")
    again: list[str] = []
    looks(monkeypatch, nothing, lambda: again.append(centre.phones.enter("client:kim")))
    given = AcceptInput(sid, worker_call_sid=call_sid, conference_sid=centre.phones.room)
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.accept_reservation, given)
    assert (raised.value.type, raised.value.report.cause) == (UNMET, ABSENT), "another leg came"
    assert centre.task(sid).status == "reserved"
    looks(monkeypatch, nothing, nothing)
    given = replace(given, worker_call_sid=again[0])
    assert words(await attempt(centre.tasks.accept_reservation, given))[0] == "assigned"
    assert centre.phones.asked.count("participants.fetch") == 3, "there at the first look"


async def test_worker_who_declines_while_they_are_looked_for_is_not_waited_for(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = await made(centre)
    centre.phones.people_talk()
    offer = centre.reservation(sid)
    declines = lambda: centre.happens("reservations.reject", offer, None)  # noqa: E731
    looks(monkeypatch, nothing, declines, nothing)
    given = AcceptInput(
        sid,
        worker_call_sid="CA" + "7" * 32,
        reservation_sid=offer.sid,
        conference_sid=centre.phones.room,
    )
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.accept_reservation, given)
    assert raised.value.report.cause == "rejected"
    assert centre.phones.asked.count("participants.fetch") == 2, "no third look"
