"""From a click or a callback to the next request at Twilio, engine and floor in turns.

Both run beside each other in the same processes layout, and every round measures both once, in
changing order: whatever else the machine does hits both alike. The simulator's log has the moment
of each request and of each callback; all moments are of the machine's one monotonic clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.buttons import Buttons, Engine, Floor
from benchmarks.processes import Bench
from benchmarks.rooms import RINGING, Call, Json, Rooms
from benchmarks.spread import Ratio, Spread, ratio, spread

QUIET_SECONDS = 0.1
"""Between two measurements, so that one does not pay for what the one before left to be done."""

CLICK = "click: POST /v1/transfers -> first request at Twilio"
ANSWERED = "answered callback -> un-hold request (cold)"
COMPLETE = "complete: POST …/complete -> un-hold request (warm)"
HANG_UP = "caller's hang-up callback -> release of the target"
CASES = (CLICK, ANSWERED, COMPLETE, HANG_UP)

Samples = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Latency:
    """One case: milliseconds of engine and floor, and how many times the floor the engine is."""

    case: str
    engine: Spread
    floor: Spread
    ratio: Ratio


async def measure(
    bench: Bench, rounds: int, warm_up: int, progress: Callable[[], None]
) -> list[Latency]:
    """Run so many rounds of the three stories, after a few that do not count."""
    rooms = Rooms(bench)
    await rooms.prepare()
    both: tuple[Buttons, Buttons] = (Engine(bench), Floor(bench))
    samples: Samples = {each.name: {case: [] for case in CASES} for each in both}
    for number in range(-warm_up, rounds):
        for buttons in both if number % 2 else reversed(both):
            taken = samples[buttons.name] if number >= 0 else {case: [] for case in CASES}
            for story in (_cold, _warm, _abandoned):
                await story(rooms, buttons, taken)
        if number % 20 == 19:
            await rooms.forget()
        progress()
    told = []
    for case in CASES:
        engine, floor = spread(samples["engine"][case]), spread(samples["floor"][case])
        told.append(Latency(case, engine, floor, ratio(engine, floor)))
    return told


async def _cold(rooms: Rooms, buttons: Buttons, taken: dict[str, list[float]]) -> None:
    """Click; the target answers; the caller is taken off hold."""
    call = await rooms.open(buttons.hears)
    _, target = await _dialed(rooms, buttons, call, "cold", taken)
    mark = await rooms.mark()
    await rooms.answer(target)
    sent = await rooms.sent(target, "in-progress")
    unheld = await rooms.received(mark, _unholds(call))
    taken[ANSWERED].append(_milliseconds(sent, unheld))
    await _clear(rooms, call)


async def _warm(rooms: Rooms, buttons: Buttons, taken: dict[str, list[float]]) -> None:
    """Click; the target answers; the agent completes."""
    call = await rooms.open(buttons.hears)
    transfer, target = await _dialed(rooms, buttons, call, "warm", taken)
    await rooms.answer(target)
    await buttons.consulting(transfer)
    await asyncio.sleep(QUIET_SECONDS)
    mark = await rooms.mark()
    sent = await buttons.complete(transfer)
    unheld = await rooms.received(mark, _unholds(call))
    taken[COMPLETE].append(_milliseconds(sent, unheld))
    await _clear(rooms, call)


async def _abandoned(rooms: Rooms, buttons: Buttons, taken: dict[str, list[float]]) -> None:
    """Click; while the target rings, the caller hangs up."""
    call = await rooms.open(buttons.hears)
    _, target = await _dialed(rooms, buttons, call, "abandoned", taken)
    mark = await rooms.mark()
    await rooms.hang_up(call)
    sent = await rooms.sent(call.caller_sid, "participant-leave")
    released = await rooms.received(mark, _releases(call, target))
    taken[HANG_UP].append(_milliseconds(sent, released))
    await _clear(rooms, call)


async def _dialed(
    rooms: Rooms, buttons: Buttons, call: Call, story: str, taken: dict[str, list[float]]
) -> tuple[str, str]:
    """The click, up to the target's phone ringing: the transfer's id, and the target's leg."""
    await asyncio.sleep(QUIET_SECONDS)
    mark = await rooms.mark()
    transfer, sent = await buttons.start(call, story, RINGING)
    first = await rooms.received(mark, lambda each: call.conference_sid in each["path"])
    taken[CLICK].append(_milliseconds(sent, first))
    target = await rooms.ringing(call)
    await asyncio.sleep(QUIET_SECONDS)
    return transfer, target


async def _clear(rooms: Rooms, call: Call) -> None:
    await asyncio.sleep(QUIET_SECONDS)
    await rooms.close(call)


def _unholds(call: Call) -> Callable[[Json], bool]:
    return lambda each: call.caller_sid in each["path"] and each["params"].get("Hold") == "false"


def _releases(call: Call, target: str) -> Callable[[Json], bool]:
    return lambda each: (
        each["params"].get("Status") == "completed"
        and (target in each["path"] or call.conference_sid in each["path"])
    )


def _milliseconds(sent_ns: int, request: Json) -> float:
    return (int(request["received_ns"]) - sent_ns) / 1e6
