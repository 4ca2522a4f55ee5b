"""A supervision beside a transfer, on a real server: who is told what, and who hears whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from activities.voices import APART, VoiceInput
from tests.workflows.conftest import Stage
from tests.workflows.room import AGENT, CALLER
from tests.workflows.supervised import Supervised
from workflows.machine.events import Fact, LegAnswered
from workflows.machine.model import Kind
from workflows.machine.supervision.model import Consult, Mode

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAYS = {"consult": Consult.STAYS}


class Beside:
    """The supervision and a transfer of one call, each with its own handle."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.scene = Supervised(stage)
        self.label = ""

    async def supervised(self, mode: Mode = Mode.MONITOR, state: str = "listening") -> None:
        """A supervisor who stays with the caller has come."""
        self.label = await self.scene.listens(self.scene.wish(mode, **STAYS))
        await self.scene.until(self.label, state)
        self.supervision = self.stage.handle

    async def transferred(self) -> None:
        """The agent transfers to bob, whose phone rings."""
        self.transfer = await self.stage.start(Kind.WARM, "client:bob")
        self.bob = await self.stage.room.ringing(f"{self.stage.part}-t1")

    async def answered(self) -> None:
        """Bob picks up: the api tells the transfer and the supervision."""
        self.stage.room.answer(self.bob)
        fact = LegAnswered(call_sid=self.bob.call_sid, label=self.bob.label)
        await self.told(fact)
        await self.stage.until("consulting")

    async def told(self, fact: Fact) -> None:
        for each in (self.transfer, self.supervision):
            await each.signal("fact", asdict(replace(fact, at=time.time())))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not holds():
                await self.supervision.describe()

    @property
    def hears(self) -> bool:
        """Whether the supervisor is in the room and not on hold."""
        return not self.scene.leg(self.label).held


@pytest.mark.parametrize(("mode", "state"), [
    (Mode.MONITOR, "listening"), (Mode.WHISPER, "whispering"), (Mode.BARGE, "barging"),
])  # fmt: skip
async def test_who_stays_with_the_caller_is_apart_before_the_target_answers(
    stage: Stage, mode: Mode, state: str
) -> None:
    beside = Beside(stage)
    await beside.supervised(mode, state)
    await beside.transferred()
    await beside.until(lambda: not beside.hears)
    assert stage.room.legs[CALLER].held
    await stage.ask("cancel")
    await beside.until(lambda: beside.hears)
    stage.handle = beside.supervision
    await beside.scene.until(beside.label, state)
    assert stage.room.legs[beside.scene.leg(beside.label).call_sid].muted is (mode is Mode.MONITOR)


async def test_who_stays_with_the_caller_follows_every_swap_without_a_look(stage: Stage) -> None:
    """Nobody comes and nobody leaves at a swap: the transfer says so. No look is ever answered."""
    beside = Beside(stage)
    await beside.supervised()
    gate = stage.room.block("read_room")
    await beside.transferred()
    await beside.answered()
    await beside.until(lambda: not beside.hears)
    for _ in range(3):
        await stage.ask("swap")
        await beside.until(lambda: beside.hears)
        assert not stage.room.legs[CALLER].held, "not before the caller is back"
        await stage.ask("swap")
        await beside.until(lambda: not beside.hears)
        await stage.until("consulting")
    await stage.ask("complete")
    await beside.until(lambda: beside.hears)
    gate.set()


async def test_word_goes_with_the_hold_and_not_after_it(stage: Stage) -> None:
    """While Twilio still takes its time to hold the caller the supervisor is apart already, and the
    target cannot be heard before the caller is held."""
    beside = Beside(stage)
    await beside.supervised()
    await beside.transferred()
    await beside.answered()
    await stage.ask("swap")
    await beside.until(lambda: beside.hears)
    gate = stage.room.block("hold_participant")
    await stage.ask("swap")
    await beside.until(lambda: not beside.hears)
    assert not stage.room.legs[CALLER].held
    assert stage.room.legs[beside.bob.call_sid].held
    gate.set()
    await stage.until("consulting")


async def test_supervisor_who_comes_in_the_middle_of_a_consult_is_set_apart_first(
    stage: Stage,
) -> None:
    """The transfer was told of the dial, so that the first thing done in the room is the right one."""
    await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    scene = Supervised(stage)
    wish = scene.wish(**STAYS)
    await scene.begin(wish)
    label = f"{wish.part}-v1"
    await stage.room.ringing(label)
    async with asyncio.timeout(15):
        while b"transfer_reported" not in await _heard(stage):
            await stage.handle.describe()
    await scene.answer(label)
    await scene.until(label, "apart")
    voices = [each.voice for each in stage.room.given if isinstance(each, VoiceInput)]
    assert voices == [APART]


async def _heard(stage: Stage) -> bytes:
    """All that signals have told the workflow."""
    history = await stage.handle.fetch_history()
    return b" ".join(
        payload.data
        for event in history.events
        for payload in event.workflow_execution_signaled_event_attributes.input.payloads
    )
