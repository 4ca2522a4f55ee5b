"""Is Twilio down? A probe decides, and probes go on until it is back. M24, S25."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from temporalio.testing import ActivityEnvironment

from activities.errors import TwilioError, gone, unavailable
from activities.health import PROBE_SECONDS_MAX, TELL_SECONDS, Health
from activities.patience import FORGOTTEN_SECONDS, FREE_REQUESTS, WAIT_SECONDS_MAX, Patience
from activities.throttle import FAILURES_MAX, HeldBack, Priority, Throttle, count_request
from tests.activities.virtual import now, virtually
from workflows.shell import PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX


class Twilio:
    """There or not, by the time; remembers when it was looked at."""

    def __init__(self, is_there: Callable[[float], bool]) -> None:
        self.conferences = self
        self.looks: list[float] = []
        self._is_there = is_there

    async def list_async(self, **_: int) -> list[object]:
        self.looks.append(now())
        if not self._is_there(now()):
            raise unavailable("HTTP 503")
        return []


class Scene:
    """A process that watches."""

    def __init__(self, is_there: Callable[[float], bool]) -> None:
        self.twilio = Twilio(is_there)
        self.throttle = Throttle(clock=now, chance=lambda: 1.0)
        self.told: list[float] = []
        health = Health(self.twilio, self.throttle)  # type: ignore[arg-type]
        self.watch = asyncio.create_task(health.watch(self._tell))

    async def _tell(self) -> None:
        self.told.append(now())

    async def fails(self) -> None:
        for _ in range(FAILURES_MAX):
            self.throttle.failed()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_one_broken_route_is_no_outage() -> None:
    async def story() -> None:
        scene = Scene(lambda _: True)
        await scene.fails()
        assert not scene.throttle.is_down
        assert (len(scene.twilio.looks), scene.told) == (1, [])
        await scene.fails()
        assert len(scene.twilio.looks) == 2, "each time anew"
        scene.watch.cancel()

    virtually(story())


def test_outage_is_told_at_once_looked_at_seldom_and_over_with_the_first_answer() -> None:
    async def story() -> None:
        scene = Scene(lambda at: at > 200.0)
        await scene.fails()
        assert scene.throttle.is_down
        assert scene.told == [0.0]
        await asyncio.sleep(200.0)
        assert len(scene.twilio.looks) <= 60, "no busy loop"
        assert scene.told[1] - scene.told[0] >= TELL_SECONDS
        assert 3 <= len(scene.told) <= 4
        await asyncio.sleep(1.5 * PROBE_SECONDS_MAX + 0.1)
        assert not scene.throttle.is_down
        async with scene.throttle.slot(Priority.LOOKS):
            pass
        looks = len(scene.twilio.looks)
        await asyncio.sleep(600.0)
        assert len(scene.twilio.looks) == looks, "nobody looks while all is well"
        scene.watch.cancel()

    virtually(story())


def test_somebody_elses_answer_ends_the_outage_too() -> None:
    async def story() -> None:
        scene = Scene(lambda _: False)
        await scene.fails()
        async with scene.throttle.slot(Priority.FREES):
            scene.throttle.answered()
        await asyncio.sleep(2.0 * PROBE_SECONDS_MAX)
        looks = len(scene.twilio.looks)
        await asyncio.sleep(60.0)
        assert len(scene.twilio.looks) == looks
        scene.watch.cancel()

    virtually(story())


def test_nothing_is_sent_while_it_is_known_to_be_in_vain() -> None:
    """A hundred transfers with something to do, ten minutes of outage: their requests stay at home,
    and all is done within seconds of the end."""

    async def story() -> tuple[int, float]:
        scene = Scene(lambda at: at > 600.0)
        sent = 0

        async def transfer() -> None:
            nonlocal sent
            while True:
                try:
                    async with scene.throttle.slot(Priority.CHANGES):
                        sent += 1
                        if now() > 600.0:
                            scene.throttle.answered()
                            return
                        scene.throttle.failed()
                    await asyncio.sleep(1.0)
                except HeldBack as held:
                    await asyncio.sleep(held.retry_after)

        await asyncio.gather(*(transfer() for _ in range(100)))
        scene.watch.cancel()
        return sent, now()

    sent, ended = virtually(story())
    assert sent <= 2 * 100, "each found out once at the most, and was carried out once"
    assert ended <= 612.0


# --- one workflow ---------------------------------------------------------------------------------


def test_a_fault_that_lasts_costs_one_transfer_no_more_than_forty_requests() -> None:
    """S25. One route is broken for as long as a transfer can last, and so no outage: a command is
    given up after 20 or 30 s and begun anew after the shell's pause, over and over."""
    assert max(requests_of_a_transfer(given_up) for given_up in (20.0, 30.0)) <= 40


def requests_of_a_transfer(given_up: float, lasts: float = 330.0) -> int:
    """The requests of all attempts, and eight that were answered before."""
    clock = [1000.0]
    patience = Patience(lambda: clock[0])
    requests, commands = 8, 0
    while clock[0] < 1000.0 + lasts:
        until, attempt = clock[0] + given_up, 0
        while clock[0] < until:
            requests += 1
            policy = min(2.0, 0.2 * 2.0**attempt)
            clock[0] += max(policy, patience.wait_after("run", 1))
            attempt += 1
        clock[0] = until + min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_FIRST * 2.0**commands)
        commands += 1
    return requests


def test_the_first_failures_cost_no_time_and_the_wait_is_bounded() -> None:
    patience = Patience(lambda: 0.0)
    waits = [patience.wait_after("run", 1) for _ in range(30)]
    assert waits[:FREE_REQUESTS] == [0.0] * FREE_REQUESTS
    assert waits[FREE_REQUESTS] == 2.0
    assert waits == sorted(waits)
    assert waits[-1] == WAIT_SECONDS_MAX
    assert patience.wait_after("another", 1) == 0.0


def test_a_workflow_that_lives_for_long_begins_anew() -> None:
    clock = [0.0]
    patience = Patience(lambda: clock[0])
    for _ in range(20):
        patience.wait_after("run", 1)
    clock[0] += FORGOTTEN_SECONDS + 1.0
    assert patience.wait_after("run", 1) == 0.0


class Failing:
    """An activity's inner end, which asks so often and then fails."""

    def __init__(self, error: TwilioError, requests: int) -> None:
        self._error, self._requests = error, requests

    async def execute_activity(self, _: object) -> None:
        async def one() -> None:
            count_request()

        await asyncio.gather(*(one() for _ in range(self._requests)))
        raise self._error


@pytest.mark.parametrize(
    ("error", "requests", "seconds"),
    [
        (unavailable("HTTP 503"), 3, None),
        (unavailable("HTTP 503"), FREE_REQUESTS + 1, 2.0),
        (unavailable("not found yet", retry_after=5.0), FREE_REQUESTS + 1, 5.0),
        (gone("the leg has left"), 30, None),
    ],
)
async def test_the_attempt_that_failed_says_when_the_next_one_is_due(
    error: TwilioError, requests: int, seconds: float | None
) -> None:
    inner = Failing(error, requests)
    patient = Patience().intercept_activity(inner)  # type: ignore[arg-type]
    with pytest.raises(TwilioError) as raised:
        await ActivityEnvironment().run(patient.execute_activity, None)  # type: ignore[arg-type]
    delay = raised.value.next_retry_delay
    assert (delay.total_seconds() if delay else None) == seconds
    assert (raised.value.kind, raised.value.message) == (error.kind, error.message)
