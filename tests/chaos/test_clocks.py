"""F28: the clocks of apis and workers are wrong by five minutes, each its own way, and nobody
notices: no decision compares clocks of two processes."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from random import Random

import pytest

from tests.chaos.cells import STEPS
from tests.chaos.checker import Bounds
from tests.chaos.faults import Fault
from tests.chaos.play import Cell, play
from tests.chaos.rig import FAKETIME, Rig

CLOCKS = {"api-1": 300.0, "api-2": -300.0, "worker-1": -300.0, "worker-2": 300.0}
CLOCK_SLACK_SECONDS = 10.0
PLAYED = ("W6", "C6", "WX", "CR")


async def nothing(*_: object) -> None:
    """The clocks are the fault."""


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed: make clocks")
@pytest.mark.timeout(240)
async def test_stories_end_as_ever_with_clocks_five_minutes_apart() -> None:
    fault = Fault("F28", "clocks that are wrong", nothing)
    steps = [step for step in STEPS if step.id in PLAYED]
    async with Rig(clocks=CLOCKS) as rig:
        for name, port in rig.api_ports.items():
            answer = await rig.http.get(f"http://127.0.0.1:{port}/healthz")
            told = parsedate_to_datetime(answer.headers["date"]).timestamp()
            assert abs(told - time.time() - CLOCKS[name]) < CLOCK_SLACK_SECONDS
        for step in steps:
            cell = Cell(step, fault, step.moments[0] if step.match else None)
            played = await play(rig, cell, Random(1), Bounds())
            assert not played.problems, f"{played.cell}: {played.problems}\n{rig.log_tails()}"
