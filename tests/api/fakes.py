"""Workflows with the names and messages of the real ones, and no telephones behind them.

What a transfer does is chosen by its first target: `client:at-once` ends it in its first task,
anything else keeps it alive until it is completed, cancelled or told that the room ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.machine.model import Attempt, Entry, Leg, Policy, Presence, Reason, State
from workflows.messages import (
    FACT,
    MEMO_ENTRY,
    MEMO_VIEW,
    NOT_CARRIED_OUT,
    STILL_PRIVATE,
    CallView,
    PersonView,
    RecordingInput,
    RecordingView,
    RequestInput,
    ResumeRecordingInput,
    StartCallInput,
    StartInboundInput,
    StartTransferInput,
    TaskInput,
    TaskPeople,
    TransferView,
)
from workflows.views import begin, view_of

AT_ONCE = "client:at-once"
DOUBTFUL = "client:doubtful"
LEFT_BY_AGENT = "client:left-by-agent"
"""The agent hangs up as soon as the transfer has begun."""
TASKS: dict[str, TaskPeople] = {}
"""What TaskRouter knows, by TaskSid."""


class FakeTransfer:
    """Journals what it is told; obeys `complete` and `cancel`, refuses `swap`."""

    def __init__(self, given: StartTransferInput) -> None:
        transfer = begin(given)
        target = Leg(given.targets[0].address, "CA" + "e" * 32, "t1", Presence.PRESENT)
        attempt = Attempt(1, target.address, "t1", given.accepted_at, target.call_sid)
        if given.targets[0].is_routed:
            attempt = replace(attempt, task_sid="WT" + "e" * 32)
        if target.address == LEFT_BY_AGENT:
            gone = replace(transfer.agent, presence=Presence.GONE)
            transfer = replace(transfer, agent=gone)
        self._transfer = replace(transfer, target=target, attempts=(attempt,))
        self._facts: list[dict[str, Any]] = []
        self._entries = 0

    async def carry(self, given: StartTransferInput) -> TransferView:
        # A request may come in the first task, and is then carried out before this line: it stands.
        if self._transfer.step == 0:
            self._step("Started", State.DIALING)
        if given.targets[0].address == AT_ONCE and self._transfer.state is State.DIALING:
            self._end(State.COMPLETED, Reason.COMPLETED)
        while self._transfer.state not in (State.COMPLETED, State.CANCELLED, State.ABANDONED):
            seen = len(self._facts)
            await workflow.wait_condition(lambda: self._has_news(seen))  # noqa: B023
            for fact in self._facts[seen:]:
                ends = fact["kind"] == "room_ended"
                self._step(fact["kind"], State.ABANDONED if ends else self._transfer.state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return view_of(self._transfer)

    def _has_news(self, seen: int) -> bool:
        return len(self._facts) > seen or self._transfer.state != State.DIALING

    def _step(self, heard: str, to: State) -> None:
        before = self._transfer.state
        step = self._transfer.step + 1
        at = workflow.time()
        self._transfer = replace(self._transfer, step=step, state=to, since=at)
        entry = Entry(step, at, heard, before, to)
        memo = {MEMO_VIEW: view_of(self._transfer), f"{MEMO_ENTRY}{step:04d}": entry}
        workflow.upsert_memo(memo)

    def _end(self, state: State, reason: Reason) -> None:
        gone = replace(self._transfer.agent, presence=Presence.GONE)
        agent = gone if state is State.COMPLETED else self._transfer.agent
        self._transfer = replace(self._transfer, agent=agent, reason=reason, decided_by="agent")
        self._step(reason.value, state)

    @workflow.signal(name=FACT)
    def fact(self, fact: dict[str, Any]) -> None:
        self._facts.append(fact)

    @workflow.query
    def facts(self) -> list[dict[str, Any]]:
        return self._facts

    @workflow.query
    def policy(self) -> Policy:
        return self._transfer.policy

    @workflow.update
    async def complete(self, given: RequestInput) -> TransferView:
        self._end(State.COMPLETED, Reason.COMPLETED)
        return view_of(self._transfer)

    @workflow.update
    async def cancel(self, given: RequestInput) -> TransferView:
        by_operator = given.by == "operator"
        reason = Reason.CANCELLED_BY_OPERATOR if by_operator else Reason.CANCELLED_BY_AGENT
        self._end(State.CANCELLED, reason)
        return view_of(self._transfer)

    @workflow.update
    async def swap(self, given: RequestInput) -> TransferView:
        raise AssertionError("refused by its validator")

    @workflow.update
    async def join(self, given: RequestInput) -> TransferView:
        self._step("join_requested", self._transfer.state)
        return view_of(self._transfer)

    @workflow.update(name="drop_target")
    async def drop_target(self, given: RequestInput) -> TransferView:
        raise ApplicationError(
            "the target went first", view_of(self._transfer), type="rejected", non_retryable=True
        )

    @workflow.update
    async def pause_recording(self, given: RequestInput) -> TransferView:
        return self._recorded(RecordingView("paused", "person", workflow.time()))

    @workflow.update
    async def resume_recording(self, given: RequestInput) -> TransferView:
        if self._transfer.targets[0].address == DOUBTFUL:
            return self._recorded(RecordingView("recording", is_doubtful=True))
        view = RecordingView("paused", "consult", workflow.time(), resumes_after_consult=True)
        return self._recorded(view)

    def _recorded(self, view: RecordingView) -> TransferView:
        shown = replace(view_of(self._transfer), recording=view)
        workflow.upsert_memo({MEMO_VIEW: shown})
        return shown

    @complete.validator
    def _may_complete(self, given: RequestInput) -> None:
        self._recognise(given)

    @cancel.validator
    def _may_cancel(self, given: RequestInput) -> None:
        self._recognise(given)

    @join.validator
    def _may_join(self, given: RequestInput) -> None:
        self._recognise(given)

    @drop_target.validator
    def _may_drop_target(self, given: RequestInput) -> None:
        self._recognise(given)

    def _recognise(self, given: RequestInput) -> None:
        is_meant = given.part in ("", self._transfer.part)
        if not is_meant or given.agent not in ("", self._transfer.agent.address):
            raise ApplicationError("not the transfer that was meant", type="not_meant")

    @swap.validator
    def _may_swap(self, given: RequestInput) -> None:
        self._recognise(given)
        raise ApplicationError(
            "nobody to swap with", view_of(self._transfer), type="rejected", non_retryable=True
        )


@workflow.defn(name="WarmTransferWorkflow")
class FakeWarmTransfer(FakeTransfer):
    @workflow.init
    def __init__(self, given: StartTransferInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: StartTransferInput) -> TransferView:
        return await self.carry(given)


@workflow.defn(name="ColdTransferWorkflow")
class FakeColdTransfer(FakeTransfer):
    @workflow.init
    def __init__(self, given: StartTransferInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: StartTransferInput) -> TransferView:
        return await self.carry(given)


@workflow.defn(name="CallWorkflow")
class FakeCall:
    """A call that alice has taken; journals facts until the room ends."""

    def __init__(self) -> None:
        self._facts: list[dict[str, Any]] = []

    @workflow.run
    async def run(self, given: StartCallInput) -> CallView:
        agent = given.agents[0] if given.agents else "client:alice"
        people = (
            PersonView("caller", given.caller_address, given.caller_call_sid, "present"),
            PersonView("agent", agent, "CA" + "a" * 32, "present"),
        )
        view = CallView(
            given.conference_sid,
            "talking",
            given.accepted_at,
            given.accepted_at,
            people=people,
            room_name=given.room_name,
            recording=RecordingView("recording") if given.is_recorded else None,
        )
        workflow.upsert_memo({MEMO_VIEW: view})
        await workflow.wait_condition(lambda: any(f["kind"] == "room_ended" for f in self._facts))
        view = replace(view, is_over=True, state="completed", since=workflow.time())
        workflow.upsert_memo({MEMO_VIEW: view})
        return view

    @workflow.signal(name=FACT)
    def fact(self, fact: dict[str, Any]) -> None:
        self._facts.append(fact)

    @workflow.query
    def facts(self) -> list[dict[str, Any]]:
        return self._facts


@workflow.defn(name="RecordingWorkflow")
class FakeRecording:
    """Pauses and resumes; a call whose SID ends in 0 cannot be had, one in f is not recorded."""

    @workflow.init
    def __init__(self, given: RecordingInput) -> None:
        self._given = given
        self._view: RecordingView | None = None

    @workflow.run
    async def run(self, given: RecordingInput) -> RecordingView:
        await workflow.wait_condition(lambda: self._view is not None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view or RecordingView()

    @workflow.update
    async def pause(self, given: RequestInput) -> RecordingView:
        return self._say(RecordingView("paused", "person", workflow.time()))

    @workflow.update
    async def resume(self, given: ResumeRecordingInput) -> RecordingView:
        if given.unless_private:
            self._view = RecordingView()
            raise ApplicationError("private", type=STILL_PRIVATE, non_retryable=True)
        return self._say(RecordingView("recording", read_at=workflow.time()))

    def _say(self, view: RecordingView) -> RecordingView:
        self._view = view
        if self._given.conference_sid.endswith("0"):
            raise ApplicationError("no", type=NOT_CARRIED_OUT, non_retryable=True)
        if self._given.conference_sid.endswith("f"):
            self._view = RecordingView("none", read_at=workflow.time())
        workflow.upsert_memo({MEMO_VIEW: self._view})
        return self._view


@workflow.defn(name="ListeningWorkflow")
class FakeCompanion:
    """Stands beside a call and hears of its room, no more."""

    def __init__(self) -> None:
        self._facts: list[dict[str, Any]] = []

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: any(f["kind"] == "room_ended" for f in self._facts))

    @workflow.signal(name=FACT)
    def fact(self, fact: dict[str, Any]) -> None:
        self._facts.append(fact)

    @workflow.query
    def facts(self) -> list[dict[str, Any]]:
        return self._facts


@workflow.defn(name="InboundWorkflow")
class FakeInbound:
    @workflow.run
    async def run(self, given: StartInboundInput) -> StartInboundInput:
        return given


@workflow.defn(name="TaskWorkflow")
class FakeTask:
    @workflow.run
    async def run(self, given: TaskInput) -> TaskPeople:
        return TASKS.get(given.task_sid, TaskPeople())


WORKFLOWS = (
    FakeWarmTransfer,
    FakeColdTransfer,
    FakeCall,
    FakeInbound,
    FakeTask,
    FakeRecording,
    FakeCompanion,
)
