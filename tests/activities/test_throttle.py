"""One throttle per process: a 429 slows everybody down, and what frees a caller goes first."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from activities.throttle import (
    AT_ONCE_MAX,
    DOWN_RETRY_SECONDS,
    FAILURES_MAX,
    PRIORITIES,
    WAIT_SECONDS,
    HeldBack,
    Priority,
    Throttle,
)
from tests.activities.virtual import now, virtually

FREES, CHANGES, LOOKS = Priority.FREES, Priority.CHANGES, Priority.LOOKS


def a_throttle(at_once: int = AT_ONCE_MAX) -> Throttle:
    """A throttle on the running loop's time, without chance."""
    return Throttle(at_once, clock=now, chance=lambda: 0.0)


async def held_back(throttle: Throttle, priority: Priority) -> float:
    """How long a request is to stay away; -1 if it is sent."""
    try:
        async with throttle.slot(priority):
            return -1.0
    except HeldBack as held:
        return held.retry_after


def test_one_429_keeps_the_whole_process_quiet_for_as_long_as_twilio_asked() -> None:
    async def story() -> None:
        throttle = a_throttle()
        async with throttle.slot(CHANGES):
            throttle.refused(5.0)
        assert await held_back(throttle, CHANGES) == pytest.approx(5.0)
        await asyncio.sleep(3.0)
        assert await held_back(throttle, LOOKS) == pytest.approx(2.0)
        await asyncio.sleep(2.0)
        assert await held_back(throttle, CHANGES) == -1.0

    virtually(story())


def test_without_a_word_from_twilio_the_quiet_doubles_and_is_bounded() -> None:
    async def story() -> None:
        throttle = a_throttle()
        waits = []
        for _ in range(7):
            throttle.refused(None)
            waits.append(await held_back(throttle, CHANGES))
            await asyncio.sleep(waits[-1])
        assert waits == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0])
        throttle.answered()
        await asyncio.sleep(1.0)
        throttle.refused(None)
        assert await held_back(throttle, CHANGES) == pytest.approx(0.5)

    virtually(story())


def test_what_frees_a_caller_is_tried_in_the_quiet_one_at_a_time() -> None:
    async def story() -> None:
        throttle = a_throttle()
        throttle.refused(30.0)
        async with throttle.slot(FREES):
            assert await held_back(throttle, FREES) > 0
        assert await held_back(throttle, FREES) == -1.0

    virtually(story())


def test_requests_refused_together_halve_the_budget_once_and_answers_restore_it() -> None:
    async def story() -> None:
        throttle = a_throttle()
        slots = [throttle.slot(CHANGES) for _ in range(40)]
        for slot in slots:
            await slot.__aenter__()
        for _ in slots:
            throttle.refused(0.1)
        assert throttle.at_once == 20
        for slot in slots:
            await slot.__aexit__(None, None, None)
        for _ in range(5000):
            throttle.answered()
        assert throttle.at_once == AT_ONCE_MAX

    virtually(story())


def test_whoever_frees_a_caller_is_first_in_line_and_then_whoever_came_first() -> None:
    async def story() -> list[str]:
        throttle = a_throttle(at_once=1)
        order: list[str] = []

        async def one(name: str, priority: Priority) -> None:
            async with throttle.slot(priority):
                order.append(name)
                await asyncio.sleep(0.01)

        wishes = [
            *(("first", CHANGES), ("look", LOOKS), ("dial", CHANGES)),
            *(("divert", FREES), ("hold", CHANGES), ("un-hold", FREES)),
        ]
        tasks = []
        for name, priority in wishes:
            tasks.append(asyncio.create_task(one(name, priority)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return order

    assert virtually(story()) == ["first", "divert", "un-hold", "dial", "hold", "look"]


def test_whoever_waits_too_long_for_a_turn_comes_back_later() -> None:
    async def story() -> None:
        throttle = a_throttle(at_once=1)
        async with throttle.slot(CHANGES):
            began = now()
            assert await held_back(throttle, FREES) == pytest.approx(WAIT_SECONDS)
            assert now() - began == pytest.approx(WAIT_SECONDS)
        assert await held_back(throttle, LOOKS) == -1.0, "the place in the line is free again"

    virtually(story())


def test_whoever_gives_up_the_wait_leaves_the_turn_to_others() -> None:
    async def story() -> None:
        throttle = a_throttle(at_once=1)
        async with throttle.slot(CHANGES):
            waiting = asyncio.create_task(held_back(throttle, CHANGES))
            await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await held_back(throttle, CHANGES) == -1.0

    virtually(story())


def test_a_429_does_not_spread_over_a_thousand_waiting_transfers() -> None:
    """Twilio refuses for a minute what comes to more than ten at once. Each transfer comes back
    when it is told to; nobody is left behind, and Twilio is not asked in vain."""

    async def story() -> tuple[Counter[str], float]:
        chance = random.Random(7)
        throttle = Throttle(clock=now, chance=chance.random)
        asked: Counter[str] = Counter()
        under_way = 0

        async def transfer() -> None:
            nonlocal under_way
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            while True:
                try:
                    async with throttle.slot(CHANGES):
                        under_way += 1
                        try:
                            await asyncio.sleep(0.1)
                            if now() < 60.0 and under_way > 10:
                                asked["in vain"] += 1
                                throttle.refused(1.0)
                                continue
                        finally:
                            under_way -= 1
                        asked["answered"] += 1
                        throttle.answered()
                        return
                except HeldBack as held:
                    await asyncio.sleep(held.retry_after)

        await asyncio.gather(*(transfer() for _ in range(1000)))
        return asked, now()

    asked, seconds = virtually(story())
    assert asked["answered"] == 1000
    assert asked["in vain"] <= 300, asked
    assert seconds <= 120.0


def test_three_failures_in_a_row_ask_for_a_look_and_an_answer_between_does_not() -> None:
    async def story() -> None:
        throttle = a_throttle()
        for _ in range(FAILURES_MAX - 1):
            throttle.failed()
        throttle.answered()
        for _ in range(FAILURES_MAX - 1):
            throttle.failed()
        assert not throttle.suspicion.is_set()
        throttle.failed()
        assert throttle.suspicion.is_set()

    virtually(story())


def test_while_twilio_is_down_only_looks_and_now_and_then_a_caller_go_through() -> None:
    async def story() -> None:
        throttle = a_throttle()
        throttle.went_down()
        assert await held_back(throttle, CHANGES) == pytest.approx(DOWN_RETRY_SECONDS)
        assert await held_back(throttle, LOOKS) > 0
        assert await held_back(throttle, Priority.PROBE) == -1.0
        assert [await held_back(throttle, FREES) for _ in range(3)] == [-1.0, 2.0, 2.0]
        await asyncio.sleep(DOWN_RETRY_SECONDS)
        assert await held_back(throttle, FREES) == -1.0
        throttle.answered()
        assert not throttle.is_down
        assert await held_back(throttle, CHANGES) == -1.0

    virtually(story())


def test_what_goes_first_are_activities_that_there_are() -> None:
    from activities.calls import Calls
    from activities.conferences import Conferences
    from activities.guardian.rescue import Rescue
    from activities.health import Health
    from activities.participants import Participants
    from activities.recordings import Recordings
    from activities.tasks import Tasks

    homes = (Calls, Conferences, Health, Participants, Recordings, Rescue, Tasks)
    assert {name for name in PRIORITIES if not any(hasattr(home, name) for home in homes)} == set()


def test_waits_are_spread() -> None:
    throttle = Throttle(chance=random.Random(1).random)
    waits = {throttle.later(2.0) for _ in range(100)}
    assert len(waits) > 90
    assert all(2.0 <= wait <= 3.0 for wait in waits)
