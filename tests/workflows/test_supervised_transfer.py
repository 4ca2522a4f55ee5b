"""A supervision beside a transfer, on a real server: who is told what, and who hears whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.voices import APART, VoiceInput
from tests.workflows.conftest import Stage
from tests.workflows.room import AGENT, CALLER
from tests.workflows.supervised import Supervised
from workflows.machine.events import Fact, LegAnswered, LegEnded
from workflows.machine.model import Kind, Policy
from workflows.machine.supervision.model import Consult, Mode
from workflows.messages import TransferView

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

    async def transferred(self, kind: Kind = Kind.WARM) -> None:
        """The agent transfers to bob, whose phone rings."""
        self.transfer = await self.stage.start(kind, "client:bob")
        self.bob = await self.stage.room.ringing(f"{self.stage.part}-t1")

    async def answered(self) -> None:
        """Bob picks up: the api tells the transfer and the supervision."""
        await self.picked_up()
        await self.stage.until("consulting")

    async def picked_up(self) -> None:
        self.stage.room.answer(self.bob)
        await self.told(LegAnswered(call_sid=self.bob.call_sid, label=self.bob.label))

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
    """The transfer was told of the dial, so that nothing else is done in the room first."""
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


# --- a take-over and a transfer in the same moment ----------------------------------------------


class TakingOver(Beside):
    """The supervisor talks with both, and takes the call over while the agent transfers it."""

    async def barged(self) -> None:
        self.label = await self.scene.listens(self.scene.wish(Mode.BARGE))
        await self.scene.until(self.label, "barging")
        self.supervision = self.stage.handle

    async def taking_over(self) -> asyncio.Task[object]:
        """Asked for, and come as far as the look before the removal, which finds all well."""
        gate = self.stage.room.block("remove_participant")
        asked = asyncio.create_task(self.scene.change(self.label, "take_over"))
        await asyncio.wait_for(self.stage.room.began["remove_participant"].wait(), 15)
        self.gate = gate
        return asked

    async def ended(self) -> TransferView:
        result: TransferView = await asyncio.wait_for(self.transfer.result(), 30)
        return result

    def assert_theirs(self, result: TransferView) -> None:
        """The caller talks with the supervisor, and nobody else is on the call."""
        room, mine = self.stage.room, self.scene.leg(self.label)
        assert (result.state, result.reason) == ("failed", "taken_over")
        assert result.decided_by == "supervisor"
        assert set(room.legs) == {CALLER, mine.call_sid}
        assert not room.legs[CALLER].held
        assert not mine.muted
        assert not mine.held
        assert "divert_call" not in room.asked

    async def agent_is_removed(self) -> None:
        """The removal takes effect, and is answered whenever the gate opens."""
        self.stage.room.legs.pop(AGENT)


@pytest.mark.parametrize("kind", [Kind.WARM, Kind.COLD])
async def test_transfer_that_began_too_late_gives_the_caller_to_whoever_took_over(
    stage: Stage, kind: Kind
) -> None:
    """It has the caller on hold, and rings bob, when its agent is removed."""
    race = TakingOver(stage)
    await race.barged()
    asked = await race.taking_over()
    await race.transferred(kind)
    await race.agent_is_removed()
    race.gate.set()
    race.assert_theirs(await race.ended())
    await asked


@pytest.mark.parametrize("is_heard_first", [True, False])
async def test_it_does_not_matter_when_the_news_of_the_removal_comes(
    stage: Stage, is_heard_first: bool
) -> None:
    """The callback before the answer to the removal, which takes its time, or after it."""
    race = TakingOver(stage)
    await race.barged()
    asked = await race.taking_over()
    await race.transferred()
    await race.agent_is_removed()
    left = LegEnded(call_sid=AGENT)
    if is_heard_first:
        await race.told(left)
        race.assert_theirs(await race.ended())
        race.gate.set()
    else:
        race.gate.set()
        race.assert_theirs(await race.ended())
    await asked
    assert stage.room.asked.count("add_participant") == 2, "sue's phone and bob's, nobody else's"


async def test_target_who_answered_meanwhile_is_let_go(stage: Stage) -> None:
    """A consult with bob has begun when the news comes: the caller is not his."""
    race = TakingOver(stage)
    await race.barged()
    asked = await race.taking_over()
    await race.transferred()
    await race.answered()
    await race.agent_is_removed()
    race.gate.set()
    race.assert_theirs(await race.ended())
    await asked


async def test_take_over_that_finds_the_caller_on_hold_leaves_the_transfer_its_agent(
    stage: Stage,
) -> None:
    """The transfer was faster: the look before the removal does not find what it must."""
    race = TakingOver(stage)
    await race.barged()
    asked = await race.taking_over()
    await race.transferred()
    race.gate.set()
    with pytest.raises(WorkflowUpdateFailedError):
        await asked
    await race.answered()
    await stage.ask("complete")
    result = await race.ended()
    assert (result.state, result.reason) == ("completed", "completed")
    assert AGENT not in stage.room.legs
    assert race.scene.leg(race.label).call_sid in stage.room.legs, "a supervisor stays"


async def test_transfer_of_an_agent_who_is_gone_already_leaves_the_caller_where_they_are(
    stage: Stage,
) -> None:
    """The take-over is through, the supervision over, and the callback still on its way."""
    race = TakingOver(stage)
    await race.barged()
    gate = stage.room.block("hold_participant")
    await race.scene.change(race.label, "take_over")
    await race.supervision.result()
    race.transfer = await stage.start(Kind.WARM, "client:bob")
    await asyncio.wait_for(stage.room.began["hold_participant"].wait(), 15)
    await race.transfer.signal("fact", asdict(LegEnded(at=time.time(), call_sid=AGENT)))
    await stage.room.ringing(f"{stage.part}-t1")
    gate.set()
    race.assert_theirs(await race.ended())


@pytest.mark.parametrize("number", range(12))
async def test_whoever_is_first_the_caller_has_somebody(stage: Stage, number: int) -> None:
    """Both are asked for at once, and nothing is held up: every order that the server makes of it
    ends with the caller with the supervisor, or as the transfer would have ended."""
    race = TakingOver(stage)
    await race.barged()
    given = race.scene.change(race.label, "take_over")
    taking = asyncio.create_task(given)  # type: ignore[var-annotated]
    for _ in range(number):
        await stage.client.count_workflows()  # a round trip, to begin a little later each time
    race.transfer = await stage.start(Kind.COLD, "client:bob", policy=Policy(recall=False))
    (answer,) = await asyncio.gather(taking, return_exceptions=True)
    if isinstance(answer, BaseException):
        race.bob = await stage.room.ringing(f"{stage.part}-t1")
        await race.picked_up()
        result = await race.ended()
        assert (result.state, result.reason) == ("completed", "completed")
        assert race.bob.call_sid in stage.room.legs
    else:
        await race.transfer.signal("fact", asdict(LegEnded(at=time.time(), call_sid=AGENT)))
        result = await race.ended()
        assert result.reason in ("taken_over", "agent_not_on_call")
        assert set(stage.room.legs) == {CALLER, race.scene.leg(race.label).call_sid}
    assert "divert_call" not in stage.room.asked
    assert not stage.room.legs[CALLER].held
