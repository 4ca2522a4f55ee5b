"""The supervision of a call on the shell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workflows.dispatch_order import Notice, Order
from workflows.dispatch_supervision import supervision_order_for, supervision_rescue
from workflows.machine.commands import Command
from workflows.machine.events import CommandFailed, CommandSucceeded, DeadlinePassed
from workflows.machine.journal import line
from workflows.machine.supervision.commands import AddSupervisor
from workflows.machine.supervision.invariants import check
from workflows.machine.supervision.model import State, Supervision
from workflows.machine.supervision.requests import EverybodyLeaves, HelpRequested, JoinRequested
from workflows.machine.supervision.step import Stepped, is_over, start, step
from workflows.messages import SupervisionView
from workflows.shell_rules import Ending, Name, Turn
from workflows.supervision_views import supervision_view_of

KIND = "supervision"


class SupervisionRules:
    """The rules of one supervision, whose first step is `first`."""

    def __init__(self, first: JoinRequested | HelpRequested) -> None:
        self._first = first

    def name(self, value: Supervision) -> Name:
        return Name(KIND, f"{value.conference_sid}-{value.part}", value.conference_sid)

    def start(self, value: Supervision, at: float) -> Turn[Supervision]:
        return _turn(start(value, replace(self._first, at=at)))

    def step(self, value: Supervision, event: Any) -> Turn[Supervision]:
        return _turn(step(value, event))

    def check(self, value: Supervision) -> None:
        check(value)

    def is_over(self, value: Supervision) -> bool:
        return is_over(value)

    def deadline(self, value: Supervision, at: float) -> DeadlinePassed:
        return DeadlinePassed(at=at, step=value.step)

    def cancellation(self, at: float) -> EverybodyLeaves:
        return EverybodyLeaves(at=at)

    def unwanted(self, value: Supervision) -> tuple[str, ...]:
        """The dial of a supervisor whose leg is known by now, or over, or to end."""
        settled = {
            each.label
            for each in value.supervisors
            if each.call_sid or each.state in (State.LEAVING, State.LEFT)
        }
        return tuple(
            key
            for key in value.pending
            if key.endswith(f"/{AddSupervisor.__name__}") and key.partition("/")[0] in settled
        )

    def order_for(self, command: Command, begun: Supervision, now: Supervision) -> Order | Notice:
        return supervision_order_for(command, begun, now)

    def news_in(
        self, value: Supervision, command: Command, outcome: CommandSucceeded | CommandFailed
    ) -> tuple[Any, ...]:
        """None of its own: the reading is heard with the outcome."""
        return ()

    def rescue(self, value: Supervision) -> Sequence[Order]:
        return supervision_rescue(value)

    def view(self, value: Supervision, at: float) -> SupervisionView:
        return supervision_view_of(value)

    def unjournaled(self, value: Supervision) -> str:
        """The agent's leg: the guardian looks whether it is there still."""
        return value.agent

    def details(self, value: Supervision) -> str:
        story = "\n".join(
            f"{entry.at - value.started_at:>+8.2f}s  {line(entry)}" for entry in value.journal
        )
        return f"**{value.state.value}**\n\n```\n{story}\n```"

    def ending(self, value: Supervision) -> Ending:
        return Ending(value.state.value)


def _turn(stepped: Stepped) -> Turn[Supervision]:
    return Turn(stepped.value, stepped.commands, stepped.entries, stepped.refusal)
