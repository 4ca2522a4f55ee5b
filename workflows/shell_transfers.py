"""Transfers and calls on the shell: every table over `machine/model.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workflows import dispatch
from workflows.dispatch_order import Notice, Order
from workflows.hold_messages import HoldView
from workflows.machine.classify import news_in
from workflows.machine.commands import Command
from workflows.machine.dials import unwanted
from workflows.machine.events import (
    CancellationRequested,
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    Event,
)
from workflows.machine.invariants import check
from workflows.machine.journal import ladder
from workflows.machine.model import Kind, Party, Transfer
from workflows.machine.readings import explained_by
from workflows.machine.step import Stepped, is_over, start, step
from workflows.machine.table import Table
from workflows.messages import CallView, TransferView
from workflows.shell_rules import Ending, Name, Turn
from workflows.views import TABLES, call_view_of, hold_view_of, seconds_to_human, view_of


class TransferRules:
    """The rules of one table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def name(self, value: Transfer) -> Name:
        return Name(value.kind.value, value.public_id, value.conference_sid)

    def start(self, value: Transfer, at: float) -> Turn[Transfer]:
        return _turn(start(self.table, replace(value, started_at=at, since=at)))

    def step(self, value: Transfer, event: Event) -> Turn[Transfer]:
        turn = _turn(step(self.table, value, event))
        for fact in explained_by(turn.value, event):
            following = _turn(step(self.table, turn.value, fact))
            turn = replace(
                following,
                commands=(*turn.commands, *following.commands),
                entries=(*turn.entries, *following.entries),
            )
        return turn

    def check(self, value: Transfer) -> None:
        check(value)

    def is_over(self, value: Transfer) -> bool:
        return is_over(value)

    def deadline(self, value: Transfer, at: float) -> Event:
        return DeadlinePassed(at=at, step=value.deadline_step)

    def cancellation(self, at: float) -> Event:
        return CancellationRequested(at=at, by="operator")

    def unwanted(self, value: Transfer) -> tuple[str, ...]:
        return unwanted(value)

    def order_for(self, command: Command, begun: Transfer, now: Transfer) -> Order | Notice:
        return dispatch.order_for(command, begun, now)

    def news_in(
        self, value: Transfer, command: Command, outcome: CommandSucceeded | CommandFailed
    ) -> tuple[Event, ...]:
        if outcome.reading is None:
            return ()
        parties = dispatch.THOROUGH.get(command.name)
        return news_in(
            value,
            outcome.reading,
            outcome.at,
            is_thorough=parties is not None,
            parties=parties or tuple(Party),
        )

    def rescue(self, value: Transfer) -> Sequence[Order]:
        """Gives the caller back by the shortest way."""
        return dispatch.rescue_orders(value)

    def view(self, value: Transfer, at: float) -> TransferView | CallView | HoldView:
        if value.kind is Kind.HOLD:
            return hold_view_of(value, at)
        is_call = value.kind in (Kind.INBOUND, Kind.ROUTED)
        return call_view_of(value) if is_call else view_of(value, at)

    def unjournaled(self, value: Transfer) -> str:
        """Nothing: each change that is shown is a step of the table."""
        return ""

    def details(self, value: Transfer) -> str:
        story = ladder(value.journal, value.started_at)
        ends = f", {value.reason.value}" if value.reason else ""
        return f"**{value.state.value}**{ends}\n\n```\n{story}\n```"

    def ending(self, value: Transfer) -> Ending:
        reason = value.reason.value if value.reason else ""
        return Ending(value.state.value, reason, seconds_to_human(value), value.hold_seconds)


def _turn(stepped: Stepped) -> Turn[Transfer]:
    entries = (stepped.entry,) if stepped.entry else ()
    return Turn(stepped.transfer, stepped.commands, entries, stepped.refusal)


def rules_of(value: Transfer) -> TransferRules:
    """The rules of the table that a transfer or call runs."""
    return TransferRules(TABLES[value.kind])
