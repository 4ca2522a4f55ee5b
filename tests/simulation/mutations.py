"""How each seeded bug is put into the engine: a table, a method or a function is exchanged.

Each function here answers a context manager within which the engine has the bug.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from temporalio import activity, workflow

import activities.creating
import activities.participants
import activities.patience
import activities.tasks
import activities.throttle
import activities.voices
import api.engine.starts
import api.routes.holds
import api.routes.orders
import api.routes.transfers
import workflows.dispatch
import workflows.dispatch_recordings
import workflows.machine.objects
import workflows.machine.recordings
import workflows.machine.step
import workflows.machine.supervision.step
import workflows.shell
import workflows.shell_transfers
from activities.calls import Calls
from activities.participants import Participants
from api.engine.starts import Busy, Free, Repeated, Started, Starts
from workflows.machine.commands import ResumeRecordings
from workflows.machine.events import LegAnswered, LegRang
from workflows.machine.model import TERMINAL, Presence, State
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.supervision import table as supervision
from workflows.machine.supervision.model import State as Voice
from workflows.machine.supervision.stimuli import On as Heard
from workflows.machine.table import Cell, Table
from workflows.shell import Shell
from workflows.shell_transfers import TransferRules
from workflows.views import begin, view_of

Patch = Callable[[], AbstractContextManager[Any]]


def together(*patches: AbstractContextManager[Any]) -> Patch:
    @contextmanager
    def on() -> Iterator[None]:
        with ExitStack() as stack:
            for each in patches:
                stack.enter_context(each)
            yield

    return on


def one(target: Any, name: str, new: Any) -> Patch:
    return lambda: patch.object(target, name, new)


def cell(state: State, stimulus: On, cell: Cell) -> AbstractContextManager[Any]:
    """One square of all tables says something else."""
    usual = Table.cell

    def mutated(table: Table, at: State, on: On) -> Cell:
        return cell if (at, on) == (state, stimulus) else usual(table, at, on)

    return patch.object(Table, "cell", mutated)


def unwatched() -> AbstractContextManager[Any]:
    """The engine's own invariants are silent: the checker has to see it."""
    return patch.object(TransferRules, "check", lambda rules, value: None)


async def create_without_looking(create: Any, find: Any, checked: Any) -> tuple[str, bool]:
    return checked(await create()), False


def no_clock_while_ringing() -> AbstractContextManager[Any]:
    usual = Shell._set_clock

    def mutated(shell: Any) -> None:
        if shell._value.state in (State.DIALING, State.AWAITING):
            shell._stop_clock()
        else:
            usual(shell)

    return patch.object(Shell, "_set_clock", mutated)


def new_label_on_each_try() -> AbstractContextManager[Any]:
    usual = Participants._wishes

    def mutated(self: Any, given: Any) -> Any:
        stem, number = given.label[:-1], int(given.label[-1])
        label = f"{stem}{number + activity.info().attempt - 1}"
        return usual(self, replace(given, label=label))

    async def unseen(client: Any, conference_sid: str, key: str) -> None:
        return None  # nobody looks for a label that was never used

    return together(
        patch.object(Participants, "_wishes", mutated),
        patch.object(activities.participants, "find_participant", unseen),
    )()


async def keep_flags(self: Any, room: Any, to_be_held: str) -> Any:
    return room


def hold_first() -> AbstractContextManager[Any]:
    async def mutated(self: Any, room: Any, to_be_held: str) -> Any:
        await self._update(room.conference_sid, to_be_held, **self._hold())
        for leg in room.legs:
            if leg.exit_flag:
                await self._update(room.conference_sid, leg.call_sid, end_conference_on_exit=False)
        return replace(room, legs=tuple(replace(leg, exit_flag=False) for leg in room.legs))

    return patch.object(Participants, "_clear_exit_flags", mutated)


def no_restore() -> AbstractContextManager[Any]:
    usual = workflows.dispatch._ORDERS["GiveCallerBack"]

    def mutated(command: Any, begun: Any, now: Any) -> Any:
        order = usual(command, begun, now)
        return replace(order, given=replace(order.given, exit_flags_on=()))

    return patch.dict(workflows.dispatch._ORDERS, {"GiveCallerBack": mutated})


def a_lock_for_each() -> AbstractContextManager[Any]:
    made: list[int] = []

    def mutated(conference_sid: str) -> str:
        made.append(1)
        return f"transfer/{conference_sid}/{len(made)}"

    return patch.object(api.engine.starts, "transfer_workflow_id", mutated)


def held_unless_good() -> AbstractContextManager[Any]:
    usual = Shell._say_how_it_ended

    def mutated(shell: Any) -> None:
        usual(shell)
        if shell._value.state is not State.COMPLETED:
            shell.never = True

    async def carried(shell: Any) -> Any:
        value = await through(shell)
        if getattr(shell, "never", False):
            await workflow.wait_condition(lambda: False)
        return value

    through = Shell.carry_through
    return together(
        patch.object(Shell, "_say_how_it_ended", mutated),
        patch.object(Shell, "carry_through", carried),
    )()


def reopened_by_a_late_answer() -> AbstractContextManager[Any]:
    usual_step, usual_over = TransferRules.step, TransferRules.is_over

    def step(rules: Any, value: Any, event: Any) -> Any:
        if value.state in TERMINAL and isinstance(event, LegAnswered):
            turn = usual_step(rules, replace(value, state=State.CONSULTING), event)
            reopened = replace(turn.value, state=State.CONSULTING, step=value.step + 1)
            entry = replace(
                value.journal[-1],
                step=value.step + 1,
                state_from=value.state,
                state_to=State.CONSULTING,
            )
            return replace(turn, value=replace(reopened, journal=(*value.journal, entry)))
        return usual_step(rules, value, event)

    def is_over(rules: Any, value: Any) -> bool:
        # It lingers, as a bug of this kind needs somebody who still listens.
        return usual_over(rules, value) and bool(value.reason) and value.deadline_step < 0

    return together(
        patch.object(TransferRules, "step", step), patch.object(TransferRules, "is_over", is_over),
        unwatched(),
    )()  # fmt: skip


def forgetful() -> AbstractContextManager[Any]:
    def decide(record: Any, part: str, mark: str, now: float) -> Any:
        if record is None or not record.is_running:
            return Free(())
        mine = [key for key in record.keys if key.part == part]
        return Repeated(mine[0]) if mine else Busy(record)

    return together(
        patch.object(api.engine.starts, "decide", decide),
        patch.object(api.engine.starts, "REQUEST_ID", "nothing"),
    )()


def accepted_before_started() -> AbstractContextManager[Any]:
    async def start(self: Any, order: Any, mark: str, prepare: Any) -> Started:
        known = await self._records.call(order.conference_sid)
        prepared = await prepare(known)

        async def later() -> None:
            await asyncio.sleep(0.5)
            await self._begin(prepared, ())

        asyncio.get_running_loop().create_task(later())
        return Started(view_of(begin(order)), is_replay=False)

    return patch.object(Starts, "start", start)


def last_word_wins() -> AbstractContextManager[Any]:
    usual = TransferRules.step

    def step(rules: Any, value: Any, event: Any) -> Any:
        is_target = getattr(event, "call_sid", None) == value.target.call_sid
        is_over = value.target.presence is Presence.GONE
        if isinstance(event, LegAnswered | LegRang) and is_target and is_over:
            news = Presence.RINGING if isinstance(event, LegRang) else Presence.PRESENT
            value = replace(value, target=replace(value.target, presence=news))
        return usual(rules, value, event)

    return together(patch.object(TransferRules, "step", step), unwatched())()


async def task_forgotten(*_: Any, **__: Any) -> Any:
    return None


def task_made_twice() -> AbstractContextManager[Any]:
    async def twice(create: Any, find: Any, checked: Any) -> tuple[str, bool]:
        await create()
        return checked(await create()), False

    return patch.object(activities.creating, "_step", twice)


def dials_whoever() -> AbstractContextManager[Any]:
    usual = workflows.dispatch._ORDERS["DialTarget"]

    def mutated(command: Any, begun: Any, now: Any) -> Any:
        order = usual(command, begun, now)
        if len(begun.attempts) > 1:
            order = replace(order, given=replace(order.given, to="+15550109999"))
        return order

    return patch.dict(workflows.dispatch._ORDERS, {"DialTarget": mutated})


def trusts_who_knows_the_id() -> AbstractContextManager[Any]:
    return together(
        patch.object(api.routes.transfers, "may_act", lambda principal, view: True),
        patch.object(api.routes.orders, "may_start", lambda principal, record: True),
        patch.object(api.routes.holds, "may_act_on_hold", lambda principal, view: True),
        patch.object(api.routes.holds, "may_start", lambda principal, record: True),
    )()


def number_in_the_address() -> AbstractContextManager[Any]:
    usual = Participants._wishes

    def mutated(self: Any, given: Any) -> Any:
        wishes = usual(self, given)
        return wishes | {"status_callback": f"{wishes['status_callback']}?to={given.to}"}

    return patch.object(Participants, "_wishes", mutated)


async def no_pause(self: Any, command: Any) -> None:
    return None


def busy_loop() -> AbstractContextManager[Any]:
    usual = workflows.shell.begin

    def mutated(order: Any) -> Any:
        policy = replace(
            order.retry,
            initial_interval=order.retry.initial_interval / 200,
            maximum_interval=order.retry.initial_interval / 200,
        )
        return usual(replace(order, retry=policy))

    def at_once(attempt: int) -> float:
        return 0.001

    return together(
        patch.object(workflows.shell, "begin", mutated),
        patch.object(Shell, "_pause_after_failures", no_pause),
        patch.object(activities.errors, "backoff", at_once),
        patch.object(activities.patience.Patience, "wait_after", lambda *_: 0.0),
        patch.object(activities.throttle.Throttle, "went_down", lambda _: None),
    )()


def wall_clock() -> AbstractContextManager[Any]:
    usual = workflow.time_ns

    def mutated() -> int:
        return usual() + time.perf_counter_ns() % 1000 * 1000

    return patch.object(workflow, "time_ns", mutated)


def cancels_the_ringing() -> AbstractContextManager[Any]:
    async def mutated(self: Any, call_sid: str) -> Any:
        from activities.errors import ask

        await ask(self._client.calls(call_sid).update_async(status="canceled"))
        return activities.calls.EndedLeg()

    return patch.object(Calls, "_complete", mutated)


def by_friendly_name() -> AbstractContextManager[Any]:
    usual = workflows.dispatch._ORDERS["DialTarget"]

    def mutated(command: Any, begun: Any, now: Any) -> Any:
        order = usual(command, begun, now)
        given = replace(order.given, conference_sid=now.room_name or "some room")
        return replace(order, given=given)

    return patch.dict(workflows.dispatch._ORDERS, {"DialTarget": mutated})


@contextmanager
def resumes_whatever_is_paused() -> Iterator[None]:
    """Who had it paused does not matter."""

    def due(value: Any) -> bool:
        under_way = workflows.machine.recordings.names_under_way(value)
        return not value.caller.held and "ResumeRecordings" not in under_way

    def order(command: Any, begun: Any, now: Any) -> Any:
        return workflows.dispatch_recordings.resume_order(now.conference_sid, ("*",))

    with (
        patch.dict(workflows.machine.objects._NEEDS_RECORDINGS, {ResumeRecordings: due}),
        patch.dict(workflows.dispatch._ORDERS, {"ResumeRecordings": order}),
    ):
        yield


def voice_before_aim() -> AbstractContextManager[Any]:
    usual = activities.voices.next_change

    def mutated(leg: Any, voice: str, coach_call_sid: str = "") -> dict[str, Any] | None:
        if voice != activities.voices.WHISPER or leg.coaching:
            return usual(leg, voice, coach_call_sid)
        if leg.muted:
            return {"muted": False}
        return {"coaching": True, "call_sid_to_coach": coach_call_sid}

    return patch.object(activities.voices, "next_change", mutated)


def whisper_goes_on() -> AbstractContextManager[Any]:
    usual = supervision.cell
    deaf = (Heard.AGENT_LOST, Heard.FOUND_AUDIBLE)

    def mutated(state: Voice, stimulus: Heard) -> supervision.Cell:
        if state is Voice.WHISPERING and stimulus in deaf:
            return supervision.ignore("a bug")
        return usual(state, stimulus)

    return patch.object(workflows.machine.supervision.step, "cell", mutated)
