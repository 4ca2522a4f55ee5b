"""What the shell needs to know of what it runs: a value, and the rules that move it.

Transfers and calls are run by `workflows/shell_transfers.py`. A kind of call control with a model
of its own brings its value and its rules, and nothing in the shell changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from workflows.dispatch_order import Notice, Order
from workflows.machine.commands import Command
from workflows.machine.events import CommandFailed, CommandSucceeded
from workflows.machine.model import Entry


class Value(Protocol):
    """What is true now, as far as the shell reads it. Never changed: each step makes another."""

    @property
    def state(self) -> StrEnum:
        """Where everybody is, in one word."""

    @property
    def step(self) -> int:
        """How many steps have been taken."""

    @property
    def deadline_at(self) -> float | None:
        """When the loop must be woken, in seconds since the epoch; None when nothing is due."""

    @property
    def pending(self) -> tuple[str, ...]:
        """Keys of the commands whose outcome is not known yet."""

    @property
    def journal(self) -> tuple[Entry, ...]:
        """One entry per step."""


V = TypeVar("V", bound=Value)


@dataclass(frozen=True)
class Turn(Generic[V]):
    """What came of one event."""

    value: V
    commands: tuple[Command, ...] = ()
    entries: tuple[Entry, ...] = ()
    """None when there was nothing to decide, or when a request was refused."""
    refusal: str = ""
    """Why a request was refused; empty otherwise."""


@dataclass(frozen=True)
class Name:
    """How a workflow is called in logs and metrics. No number and no name of a person."""

    kind: str
    public_id: str
    conference_sid: str


@dataclass(frozen=True)
class Ending:
    """How a workflow ended: one word for its state, one for the reason, and what it took."""

    outcome: str
    reason: str = ""
    seconds_to_human: float | None = None
    """None where caller and target never met, or where nobody was to meet."""
    hold_seconds: float | None = None
    """None where nobody was to be held."""


class Rules(Protocol[V]):
    """The rules of one kind: pure, but for `order_for` and `rescue`, which name activities."""

    def name(self, value: V) -> Name:
        """How this workflow is called."""

    def start(self, value: V, at: float) -> Turn[V]:
        """The first step, by the workflow's clock: whoever asked for it may have a wrong one."""

    def step(self, value: V, event: Any) -> Turn[V]:
        """What an event does. Facts never fail; a request may be refused."""

    def check(self, value: V) -> None:
        """Raises when something does not hold that must hold after every step."""

    def is_over(self, value: V) -> bool:
        """Whether nothing will happen any more, but for outcomes that are still awaited."""

    def deadline(self, value: V, at: float) -> Any:
        """The event of a deadline that has passed."""

    def cancellation(self, at: float) -> Any:
        """The event of an operator's cancel in Temporal."""

    def unwanted(self, value: V) -> Collection[str]:
        """Keys of commands under way that must not be begun, or tried again, any more."""

    def order_for(self, command: Command, begun: V, now: V) -> Order | Notice:
        """How a command is carried out. `begun` is the value when it was given, `now` the value
        when its turn has come."""

    def news_in(
        self, value: V, command: Command, outcome: CommandSucceeded | CommandFailed
    ) -> Iterable[Any]:
        """The facts that came to light with an outcome; they are heard before it."""

    def rescue(self, value: V) -> Sequence[Order]:
        """What is done, in this order, when the rules themselves cannot be trusted any more."""

    def view(self, value: V, at: float) -> Any:
        """What a reader is shown, without the journal."""

    def unjournaled(self, value: V) -> str:
        """What the view shows and no entry tells of: a new one is shown without an entry, too."""

    def details(self, value: V) -> str:
        """What Temporal's Web UI shows of a live workflow, in Markdown. No numbers, no names."""

    def ending(self, value: V) -> Ending:
        """How it ended."""
