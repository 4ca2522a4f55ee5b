"""The durable shell that runs any table. It must stay boring: every decision is in the tables.

One inbox, one loop:

1. A signal or an update only puts an event into the inbox.
2. The loop takes one event and steps the table.
3. The result is stored; view and journal go to the workflow's memo, where they are read without a
   query and without a worker.
4. The commands are carried out beside the loop, so that it is never deaf.
5. Their outcomes come back into the inbox as events.

A bug must not strand a caller: when code raises or an invariant breaks, the caller is given back
first, and then the workflow fails loudly.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.dispatch import THOROUGH, failure_of, order_for, outcome_of, rescue_orders
from workflows.dispatch_order import carry_out

with workflow.unsafe.imports_passed_through():
    from workflows.machine.classify import news_in
    from workflows.machine.commands import Command
    from workflows.machine.events import (
        CancellationRequested,
        CommandFailed,
        CommandSucceeded,
        DeadlinePassed,
        Event,
        Fact,
        fact_from,
    )
    from workflows.machine.invariants import check
    from workflows.machine.journal import ladder
    from workflows.machine.model import Kind, Party, State, Transfer
    from workflows.machine.step import is_over, start, step
    from workflows.messages import FACT, MEMO_ENTRY, MEMO_VIEW, SEARCH_OUTCOME
    from workflows.telemetry import Telemetry
    from workflows.views import TABLES, call_view_of, seconds_to_human, view_of

OUTCOME = SearchAttributeKey.for_keyword(SEARCH_OUTCOME)

INBOX_EVENTS_MAX = 500
"""A flood of callbacks must not grow a workflow without end; facts beyond this are dropped, and
what they told is found by reading."""

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 8.0
"""How long a command that failed waits before it is tried again, doubling."""


@dataclass
class _Queued:
    """An event in the inbox, and whoever waits for what comes of it."""

    event: Event
    reply: asyncio.Future[str] | None = None


class Shell:
    """Base of every workflow that runs a table. Made in `__init__`, run by `carry_through`."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._table = TABLES[transfer.kind]
        self._inbox: deque[_Queued] = deque()
        self._commands: dict[str, asyncio.Task[None]] = {}
        self._lanes: dict[Party, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._clock: asyncio.Task[None] | None = None
        self._clock_due = 0.0
        self._published = 0
        self._bug: Exception | None = None
        """What went wrong beside the loop, for the loop to act on."""
        self._telemetry = Telemetry(
            transfer.kind.value, transfer.public_id, transfer.conference_sid
        )

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

    async def ask(self, event: Event) -> str:
        """Put a request into the inbox and wait for its step: why it was refused, or empty."""
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._inbox.append(_Queued(event, reply))
        return await reply

    # --- the loop ---

    async def carry_through(self) -> Transfer:
        """Run the table from its first step to an end in which nothing is under way."""
        try:
            first = start(self._table, self._transfer)
            self._transfer = first.transfer
            self._carry_out(first.commands)
            self._publish()
            while not is_over(self._transfer) or self._transfer.pending:
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
        return self._transfer

    async def _wait(self) -> None:
        """Until there is something in the inbox. An operator's cancel is a request like others."""
        try:
            await workflow.wait_condition(lambda: bool(self._inbox or self._bug))
        except asyncio.CancelledError:
            request = CancellationRequested(at=now(), by="operator")
            self._inbox.append(_Queued(request))

    def _take(self, queued: _Queued) -> None:
        """One event: step, store, begin."""
        stepped = step(self._table, self._transfer, queued.event)
        self._transfer = stepped.transfer
        check(self._transfer)
        if stepped.entry is not None:
            self._telemetry.step(stepped.entry)
        self._carry_out(stepped.commands)
        self._set_clock()
        if queued.reply is not None:
            queued.reply.set_result(stepped.refusal)

    # --- commands, beside the loop ---

    def _carry_out(self, commands: Sequence[Command]) -> None:
        """Begin `commands`: one after the other on the same leg, side by side on different ones."""
        for command in commands:
            first = [self._commands[key] for key in command.after if key in self._commands]
            if command.leg is not None and command.leg in self._lanes:
                first.append(self._lanes[command.leg])
            task = asyncio.create_task(self._carry_out_one(command, self._transfer, first))
            self._commands[command.key] = task
            if command.leg is not None:
                self._lanes[command.leg] = task

    async def _carry_out_one(
        self, command: Command, begun: Transfer, first: Sequence[asyncio.Task[None]]
    ) -> None:
        for each in first:
            await each
        # The outcome of the command before is in the inbox: let the loop learn from it first.
        await workflow.wait_condition(lambda: not self._inbox)
        await self._pause_after_failures(command)
        outcome: CommandSucceeded | CommandFailed
        try:
            order = order_for(command, begun, self._transfer)
            result = await carry_out(order)
            outcome = outcome_of(command, result, now())
        except ActivityError as error:
            outcome = failure_of(command, error, now())
        except Exception as bug:
            self._bug = bug
            return
        self._report(command, outcome)

    async def _pause_after_failures(self, command: Command) -> None:
        """Keep a command that Twilio refuses at once from being tried in a busy loop."""
        failures = self._failures.get(command.name, 0)
        if failures:
            pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_FIRST * 2 ** (failures - 1))
            await workflow.sleep(pause, summary=f"before {command.name} is tried again")

    def _report(self, command: Command, outcome: CommandSucceeded | CommandFailed) -> None:
        """The outcome into the inbox, after the facts that came to light with it."""
        if isinstance(outcome, CommandFailed):
            self._failures[command.name] = self._failures.get(command.name, 0) + 1
        else:
            self._failures.pop(command.name, None)
        self._commands.pop(command.key, None)
        if outcome.reading is not None:
            parties = THOROUGH.get(command.name)
            for event in news_in(
                self._transfer,
                outcome.reading,
                outcome.at,
                is_thorough=parties is not None,
                parties=parties or tuple(Party),
            ):
                self._inbox.append(_Queued(event))
        self._inbox.append(_Queued(outcome))

    # --- one timer ---

    def _set_clock(self) -> None:
        """See that a timer wakes the loop no later than the deadline.

        A timer that wakes it too early is left alone and set anew when it fires: most deadlines
        move on before they pass, and each timer costs.
        """
        due = self._transfer.deadline_at
        if due is None or (self._clock is not None and self._clock_due <= due):
            return
        self._stop_clock()
        self._clock_due = due
        self._clock = asyncio.create_task(self._sleep_until(due))

    async def _sleep_until(self, due: float) -> None:
        state = self._transfer.state.value
        await workflow.sleep(max(0.0, due - now()), summary=f"deadline, set in {state}")
        self._clock = None
        deadline = self._transfer.deadline_at
        if deadline is not None and deadline <= now() + 0.001:
            event = DeadlinePassed(at=now(), step=self._transfer.deadline_step)
            self._inbox.append(_Queued(event))
        else:
            self._set_clock()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    # --- what is shown ---

    def _publish(self) -> None:
        """View and new journal entries into the memo, the story so far into the details."""
        transfer = self._transfer
        new = [entry for entry in transfer.journal if entry.step > self._published]
        if not new:
            return
        self._set_clock()
        is_call = transfer.kind in (Kind.INBOUND, Kind.ROUTED)
        memo: dict[str, Any] = {
            MEMO_VIEW: call_view_of(transfer) if is_call else view_of(transfer, now()),
            **{f"{MEMO_ENTRY}{entry.step:04d}": entry for entry in new},
        }
        workflow.upsert_memo(memo)
        self._published = new[-1].step
        workflow.set_current_details(details(transfer))

    def _say_how_it_ended(self) -> None:
        transfer = self._transfer
        reason = transfer.reason.value if transfer.reason else ""
        workflow.upsert_search_attributes([OUTCOME.value_set(transfer.state.value)])
        self._telemetry.ended(
            transfer.state.value, reason, seconds_to_human(transfer), transfer.hold_seconds
        )

    # --- when we are wrong ---

    async def _rescue(self, bug: Exception) -> None:
        """Give the caller back by the shortest way, then fail loudly."""
        workflow.logger.error("a bug was met; the caller is given back first", exc_info=bug)
        for queued in self._inbox:
            if queued.reply is not None:
                queued.reply.set_result("the transfer has failed")
        self._inbox.clear()
        for order in rescue_orders(self._transfer):
            try:
                await carry_out(order)
            except ActivityError:
                workflow.logger.error("a step of the rescue failed")
        self._stop_clock()
        workflow.upsert_search_attributes([OUTCOME.value_set(State.FAILED.value)])
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


def details(transfer: Transfer) -> str:
    """What Temporal's Web UI shows of a live workflow, in Markdown. No numbers, no names."""
    story = ladder(transfer.journal, transfer.started_at)
    ends = f", {transfer.reason.value}" if transfer.reason else ""
    return f"**{transfer.state.value}**{ends}\n\n```\n{story}\n```"
