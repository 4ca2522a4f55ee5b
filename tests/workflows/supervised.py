"""Walks through the supervision of a call, used twice: to record histories and to see them end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from activities.room import RoomLeg
from tests.workflows.room import AGENT, CALLER
from workflows.machine.events import LegAnswered, RoomEnded
from workflows.machine.model import Kind
from workflows.machine.supervision.model import Consult, Mode, SupervisorPolicy
from workflows.machine.supervision.requests import HelpRequested, JoinRequested, ModeRequested
from workflows.messages import (
    TASK_SECONDS,
    StartSupervisionInput,
    SupervisionView,
    SupervisorView,
    TransferView,
    supervision_workflow_id,
)
from workflows.supervision import SupervisionWorkflow

if TYPE_CHECKING:
    from tests.workflows.conftest import Stage

BOB = "CA" + "b" * 32
Path = Callable[["Stage"], Awaitable[SupervisionView]]


class Supervised:
    """The supervision of the stage's call."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def wish(self, mode: Mode = Mode.MONITOR, name: str = "sue", **policy: Any) -> JoinRequested:
        """What a supervisor asks for."""
        return JoinRequested(
            uuid.uuid4().hex[:16],
            f"client:{name}",
            mode,
            f"key:{name}",
            policy=SupervisorPolicy(**policy),
        )

    async def begin(
        self, join: JoinRequested | None = None, ask: HelpRequested | None = None
    ) -> None:
        """Start the supervision with its first request."""
        given = StartSupervisionInput(
            self.stage.room.conference_sid,
            uuid.uuid4().hex[:16],
            time.time(),
            join=join,
            help=ask,
            caller_call_sid=CALLER,
            agent_call_sid=AGENT,
        )
        self.stage.handle = await self.stage.client.start_workflow(
            SupervisionWorkflow.run,
            given,
            id=supervision_workflow_id(given.conference_sid),
            task_queue=self.stage.queue,
            task_timeout=timedelta(seconds=TASK_SECONDS),
        )

    async def join(self, wish: JoinRequested) -> SupervisionView:
        """Another supervisor."""
        return await self._update("join", wish)

    async def change(self, label: str, verb: str) -> SupervisionView:
        """A button of a supervisor."""
        return await self._update("change", ModeRequested(label, verb, "key:sue"))

    async def _update(self, name: str, given: Any) -> SupervisionView:
        view: SupervisionView = await self.stage.handle.execute_update(
            name, given, result_type=SupervisionView
        )
        return view

    async def answer(self, label: str) -> RoomLeg:
        """The supervisor's phone is picked up."""
        leg = replace(await self.stage.room.ringing(label), status="connected")
        self.stage.room.legs[leg.call_sid] = leg
        await self.stage.tell(LegAnswered(call_sid=leg.call_sid, label=label))
        return leg

    async def until(self, label: str, state: str) -> SupervisorView:
        """Wait until the supervisor is in `state`."""
        deadline, mine = time.monotonic() + 15, None
        while time.monotonic() < deadline:
            description = await self.stage.handle.describe()
            view = await description.memo_value("view", None, type_hint=SupervisionView)
            everybody = view.supervisors if view is not None else ()
            mine = next((each for each in everybody if each.id == label), None)
            if mine is not None and mine.state == state:
                return mine
        raise AssertionError(f"never {state}, but {mine}; asked {self.stage.room.asked}")

    async def listens(self, wish: JoinRequested) -> str:
        """The first supervisor joins and answers; the answer is the id."""
        await self.begin(wish)
        label = f"{wish.part}-v1"
        await self.answer(label)
        return label

    def leg(self, label: str) -> RoomLeg:
        """The supervisor's leg as it is at Twilio."""
        return self.stage.room.leg_of(label)


async def monitor_whisper_barge_and_leave(stage: Stage) -> SupervisionView:
    """All modes, one after the other."""
    scene = Supervised(stage)
    label = await scene.listens(scene.wish())
    await scene.until(label, "listening")
    for verb in ("whisper", "barge", "whisper", "monitor", "leave"):
        await scene.change(label, verb)
    result: SupervisionView = await stage.handle.result()
    return result


async def whisper_follows_to_the_next_agent(stage: Stage) -> SupervisionView:
    """The agent is replaced by another one; the whisper follows; the call ends."""
    scene = Supervised(stage)
    label = await scene.listens(scene.wish(Mode.WHISPER))
    await scene.until(label, "whispering")
    stage.room.legs[BOB] = RoomLeg(BOB, label="0123456789abcdef-t1", address="client:bob")
    await stage.hang_up(AGENT)
    await scene.until(label, "whispering")
    while scene.leg(label).coach_call_sid != BOB:
        await scene.until(label, "whispering")
    stage.room.legs.clear()
    stage.room.is_live = False
    await stage.tell(RoomEnded(conference_sid=stage.room.conference_sid))
    result: SupervisionView = await stage.handle.result()
    return result


async def supervisor_takes_over(stage: Stage) -> SupervisionView:
    """The supervisor becomes the agent."""
    scene = Supervised(stage)
    label = await scene.listens(scene.wish())
    await scene.until(label, "listening")
    await scene.change(label, "take_over")
    result: SupervisionView = await stage.handle.result()
    return result


async def help_is_taken(stage: Stage) -> SupervisionView:
    """The agent asks for somebody, who comes and stays apart from a consult."""
    scene = Supervised(stage)
    await scene.begin(ask=HelpRequested("client:alice", "key:alice"))
    wish = replace(scene.wish(consult=Consult.STAYS), takes_help=True)
    await scene.join(wish)
    label = f"{wish.part}-v1"
    await scene.answer(label)
    await scene.until(label, "listening")
    stage.room.legs[BOB] = RoomLeg(BOB, label="0123456789abcdef-t1", address="client:bob")
    stage.room.legs[CALLER] = replace(stage.room.legs[CALLER], held=True)
    await stage.tell(LegAnswered(call_sid=BOB, label="0123456789abcdef-t1"))
    await scene.until(label, "apart")
    stage.room.legs[CALLER] = replace(stage.room.legs[CALLER], held=False)
    await stage.hang_up(BOB)
    await scene.until(label, "listening")
    await scene.change(label, "leave")
    result: SupervisionView = await stage.handle.result()
    return result


async def warm_tells_who_stays_with_the_caller(stage: Stage) -> TransferView:
    """A supervisor is set apart for the consult, back at the swap, apart again, and leaves."""
    scene = Supervised(stage)
    label = await scene.listens(scene.wish(consult=Consult.STAYS))
    await scene.until(label, "listening")
    supervision = stage.handle
    transfer = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    for verb, there in (("", "apart"), ("swap", "listening"), ("swap", "apart")):
        stage.handle = transfer
        if verb:
            await stage.ask(verb)
        await stage.until("revisiting" if there == "listening" else "consulting")
        stage.handle = supervision
        await scene.until(label, there)
    await scene.change(label, "leave")
    await supervision.result()
    stage.handle = transfer
    await stage.ask("complete")
    return await transfer.result()


SUPERVISION_PATHS: dict[Path, str] = {
    monitor_whisper_barge_and_leave: "left",
    whisper_follows_to_the_next_agent: "left",
    supervisor_takes_over: "took_over",
    help_is_taken: "left",
}
"""Each path -> where its supervisor is at the end."""
