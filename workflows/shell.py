"""The durable shell that runs any table. It must stay boring: every decision is in the tables.

One inbox, one loop:

1. A signal or an update only puts an event into the inbox.
2. The loop takes one event and steps the table.
3. The result is stored; view and journal go to the workflow's memo, where they are read without a
   query and without a worker.
4. The commands are carried out beside the loop, so that it is never deaf.
5. Their outcomes come back into the inbox as events.

A bug must not strand a caller: when code raises or an invariant breaks, the rescue of the rules is
carried out first, and then the workflow fails loudly. What a table is to the shell is told in
`workflows/shell_rules.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.dispatch_order import Notice, Order, begin, carry_out
from workflows.dispatch_outcomes import failure_of, not_begun, outcome_of

with workflow.unsafe.imports_passed_through():
    from workflows.machine.commands import Command
    from workflows.machine.events import CommandFailed, CommandSucceeded, Fact, fact_from
    from workflows.messages import FACT, MEMO_ENTRY, MEMO_VIEW, SEARCH_OUTCOME
    from workflows.shell_rules import Rules, V
    from workflows.telemetry import Telemetry

FAILED = "failed"
"""The outcome of a workflow that met a bug of ours."""
OUTCOME = SearchAttributeKey.for_keyword(SEARCH_OUTCOME)

INBOX_EVENTS_MAX = 500
"""A flood of callbacks must not grow a workflow without end; facts beyond this are dropped, and
what they told is found by reading."""

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 20.0
"""How long a command that failed waits before it is tried again, doubling."""


@dataclass
class _Queued:
    """An event in the inbox, and whoever waits for what comes of it."""

    event: Any
    reply: asyncio.Future[str] | None = None


class Shell(Generic[V]):
    """Base of every workflow that runs a table. Made in `__init__`, run by `carry_through`."""

    def __init__(self, value: V, rules: Rules[V]) -> None:
        self._value = value
        self._rules = rules
        self._inbox: deque[_Queued] = deque()
        self._commands: dict[str, asyncio.Task[None]] = {}
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._activities: dict[str, workflow.ActivityHandle[Any]] = {}
        self._begun_at: dict[str, int] = {}
        """Key of a command -> how long the history was when its activity was begun."""
        self._unsent: set[str] = set()
        """Commands whose activity was cancelled before Temporal had heard of it."""
        self._failures: dict[str, int] = {}
        self._clock: asyncio.Task[None] | None = None
        self._clock_due = 0.0
        self._published = 0
        self._shown_beside = ""
        self._bug: Exception | None = None
        """What went wrong beside the loop, for the loop to act on."""
        name = rules.name(value)
        self._telemetry = Telemetry(name.kind, name.public_id, name.conference_sid)

    # --- what comes in ---

    @workflow.signal(dynamic=True, description="`fact`: what the telephone network reports")
    def signalled(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Put a fact into the inbox. Cannot raise: an exception here would freeze the call.

        Dynamic, because a handler with a signature raises before its first line when a signal has
        no argument or one too many.
        """
        heard = _fact_in(arguments) if name == FACT else None
        if heard is None or len(self._inbox) >= INBOX_EVENTS_MAX:
            workflow.logger.warning("a signal was dropped: not a fact, or too many of them")
            return
        # The time is the workflow's own: a clock that is wrong elsewhere must not move a deadline.
        self._inbox.append(_Queued(replace(heard, at=now())))

    async def ask(self, event: Any) -> str:
        """Put a request into the inbox and wait for its step: why it was refused, or empty."""
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._inbox.append(_Queued(event, reply))
        return await reply

    # --- the loop ---

    async def carry_through(self) -> V:
        """Run the table from its first step to an end in which nothing is under way."""
        try:
            first = self._rules.start(self._value, now())
            self._value = first.value
            self._carry_out(first.commands)
            self._publish()
            while not self._rules.is_over(self._value) or self._value.pending:
                await self._wait()
                if self._bug is not None:
                    raise self._bug
                while self._inbox:
                    self._take(self._inbox.popleft())
                self._publish()
        except Exception as bug:
            await self._rescue(bug)
        self._stop_clock()
        self._say_how_it_ended()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._value

    async def _wait(self) -> None:
        """Until there is something in the inbox. An operator's cancel is a request like others."""
        try:
            await workflow.wait_condition(
                lambda: bool(self._inbox or self._bug or self._unwanted())
            )
        except asyncio.CancelledError:
            self._inbox.append(_Queued(self._rules.cancellation(now())))
            return
        # Only here, where everything that has come in is known to its tasks: the outcome of an
        # activity that has just ended would be lost by a cancel.
        self._stop_unwanted()

    def _take(self, queued: _Queued) -> None:
        """One event: step, store, begin."""
        turn = self._rules.step(self._value, queued.event)
        self._value = turn.value
        self._rules.check(self._value)
        for entry in turn.entries:
            self._telemetry.step(entry)
        self._carry_out(turn.commands)
        self._set_clock()
        if queued.reply is not None:
            queued.reply.set_result(turn.refusal)

    # --- commands, beside the loop ---

    def _carry_out(self, commands: Sequence[Command]) -> None:
        """Begin `commands`: in one lane one after the other, in different lanes side by side."""
        for command in commands:
            first = [self._commands[key] for key in command.after if key in self._commands]
            if command.lane and command.lane in self._lanes:
                first.append(self._lanes[command.lane])
            task = asyncio.create_task(self._carry_out_one(command, self._value, first))
            self._commands[command.key] = task
            if command.lane:
                self._lanes[command.lane] = task

    async def _carry_out_one(
        self, command: Command, begun: V, first: Sequence[asyncio.Task[None]]
    ) -> None:
        for each in first:
            await each
        # The outcome of the command before is in the inbox: let the loop learn from it first.
        await workflow.wait_condition(lambda: not self._inbox)
        await self._pause_after_failures(command)
        outcome: CommandSucceeded | CommandFailed
        order: Order | Notice | None = None
        try:
            if command.key in self._rules.unwanted(self._value):
                outcome = not_begun(command, now())
            else:
                order = self._rules.order_for(command, begun, self._value)
                outcome = outcome_of(command, await self._result_of(command, order), now())
        except ActivityError as error:
            is_unsent = command.key in self._unsent
            outcome = not_begun(command, now()) if is_unsent else failure_of(command, error, now())
        except Exception as bug:
            self._bug = bug
            return
        self._count(command, outcome, order)
        self._report(command, outcome)

    async def _result_of(self, command: Command, order: Order | Notice) -> Any:
        if not isinstance(order, Order):
            return await carry_out(order)
        self._begun_at[command.key] = workflow.info().get_current_history_length()
        activity = self._activities[command.key] = begin(order)
        try:
            return await activity
        finally:
            self._activities.pop(command.key, None)
            self._begun_at.pop(command.key, None)

    def _stop_unwanted(self) -> None:
        """See that no activity is tried again for something that is over."""
        for key in self._unwanted():
            if self._begun_at[key] == workflow.info().get_current_history_length():
                self._unsent.add(key)  # begun in this very task: its order never leaves the worker
            self._activities.pop(key).cancel()

    def _unwanted(self) -> list[str]:
        return [key for key in self._rules.unwanted(self._value) if key in self._activities]

    async def _pause_after_failures(self, command: Command) -> None:
        """Keep a command that Twilio refuses at once from being tried in a busy loop."""
        failures = self._failures.get(command.name, 0)
        if failures:
            pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_FIRST * 2 ** (failures - 1))
            await workflow.sleep(pause, summary=f"before {command.name} is tried again")

    def _count(
        self,
        command: Command,
        outcome: CommandSucceeded | CommandFailed,
        order: Order | Notice | None,
    ) -> None:
        """How often it has failed in a row. That nobody was there to be told does not count: who is
        there the next time must hear it before what they do themselves."""
        if not isinstance(outcome, CommandFailed):
            self._failures.pop(command.name, None)
        elif not isinstance(order, Notice):
            self._failures[command.name] = self._failures.get(command.name, 0) + 1

    def _report(self, command: Command, outcome: CommandSucceeded | CommandFailed) -> None:
        """The outcome into the inbox, after the facts that came to light with it."""
        self._commands.pop(command.key, None)
        for event in self._rules.news_in(self._value, command, outcome):
            self._inbox.append(_Queued(event))
        self._inbox.append(_Queued(outcome))

    # --- one timer ---

    def _set_clock(self) -> None:
        """See that a timer wakes the loop no later than the deadline.

        A timer that wakes it too early is left alone and set anew when it fires: most deadlines
        move on before they pass, and each timer costs.
        """
        due = self._value.deadline_at
        if due is None or (self._clock is not None and self._clock_due <= due):
            return
        self._stop_clock()
        self._clock_due = due
        self._clock = asyncio.create_task(self._sleep_until(due))

    async def _sleep_until(self, due: float) -> None:
        state = self._value.state.value
        await workflow.sleep(max(0.0, due - now()), summary=f"deadline, set in {state}")
        self._clock = None
        deadline = self._value.deadline_at
        if deadline is not None and deadline <= now() + 0.001:
            self._inbox.append(_Queued(self._rules.deadline(self._value, now())))
        else:
            self._set_clock()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    # --- what is shown ---

    def _publish(self) -> None:
        """View and new journal entries into the memo, the story so far into the details."""
        value = self._value
        new = [entry for entry in value.journal if entry.step > self._published]
        beside = self._rules.unjournaled(value)
        if not new and beside == self._shown_beside:
            return
        self._shown_beside = beside
        self._set_clock()
        memo: dict[str, Any] = {
            MEMO_VIEW: self._rules.view(value, now()),
            **{f"{MEMO_ENTRY}{entry.step:04d}": entry for entry in new},
        }
        workflow.upsert_memo(memo)
        if new:
            self._published = new[-1].step
        workflow.set_current_details(self._rules.details(value))

    def _say_how_it_ended(self) -> None:
        ending = self._rules.ending(self._value)
        workflow.upsert_search_attributes([OUTCOME.value_set(ending.outcome)])
        self._telemetry.ended(
            ending.outcome, ending.reason, ending.seconds_to_human, ending.hold_seconds
        )

    # --- when we are wrong ---

    async def _rescue(self, bug: Exception) -> None:
        """What is left to be done for the people on the call, then fail loudly."""
        workflow.logger.error("a bug was met; the people on the call come first", exc_info=bug)
        for queued in self._inbox:
            if queued.reply is not None:
                queued.reply.set_result("the engine has failed")
        self._inbox.clear()
        for order in self._rules.rescue(self._value):
            try:
                await carry_out(order)
            except ActivityError:
                workflow.logger.error("a step of the rescue failed")
        self._stop_clock()
        workflow.upsert_search_attributes([OUTCOME.value_set(FAILED)])
        raise ApplicationError(
            f"engine fault: {type(bug).__name__}", type="engine_fault", non_retryable=True
        ) from bug


def _fact_in(arguments: Sequence[RawValue]) -> Fact | None:
    """The fact that a signal carries as its first argument, or None."""
    try:
        return fact_from(workflow.payload_converter().from_payload(arguments[0].payload))
    except Exception:
        return None


def now() -> float:
    """The workflow's time, the same on every replay. Seconds since the epoch."""
    return workflow.time_ns() / 1e9
