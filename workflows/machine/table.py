"""What a table is, and what makes one whole.

Rules:
1. Everything that decides the next state stands in a table: `warm.py`, `cold.py`, `inbound.py`.
2. A cell is one of four things: go to another state, stay and act, ignore and say why, reject and
   say why. There are no conditions in rows: `classify.py` refines events until none is needed.
3. Facts have no default. Each live state has a written square for each fact; fragments shared by
   several states are written once and named for what they say.
4. Requests are rejected unless written.
5. Ignoring is not staying: an ignored fact begins nothing and restarts no timer.
6. Each live state has a deadline, and its expiry has a row.

A table that breaks one of these is refused when the module is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from workflows.machine.commands import Command
from workflows.machine.model import TERMINAL, Kind, Reason, State
from workflows.machine.stimuli import FACTS, Stimulus


class Verdict(StrEnum):
    """What a cell does with its stimulus."""

    GO = "go"
    STAY = "stay"
    IGNORE = "ignore"
    REJECT = "reject"


Step = type[Command]


@dataclass(frozen=True)
class Then:
    """A command that waits until the outcomes of those before it in the cell are known."""

    command: Step


@dataclass(frozen=True)
class Cell:
    """One square: what happens in one state on one stimulus."""

    verdict: Verdict
    to: State | None = None
    commands: tuple[Step | Then, ...] = ()
    because: Reason | None = None
    """The reason of the end that this leads to."""
    why: str = ""
    """Why nothing happens, for ignore and reject."""


Row = Mapping[Stimulus, Cell]


def go(to: State, *commands: Step | Then, because: Reason | None = None) -> Cell:
    """Change to `to` and begin `commands`; they run side by side unless one says `then`."""
    return Cell(Verdict.GO, to=to, commands=commands, because=because)


def stay(*commands: Step | Then, why: str = "") -> Cell:
    """Keep the state and its deadline, and begin `commands`."""
    return Cell(Verdict.STAY, commands=commands, why=why)


def ignore(why: str) -> Cell:
    """Do nothing at all. `why` is a sentence for the reader of the drawn table."""
    return Cell(Verdict.IGNORE, why=why)


def reject(why: str) -> Cell:
    """Refuse a request. `why` is what the person is told."""
    return Cell(Verdict.REJECT, why=why)


def then(command: Step) -> Then:
    """Begin `command` only when the outcomes of those before it are known, whatever they are."""
    return Then(command)


def row(*fragments: Row, own: Row) -> dict[Stimulus, Cell]:
    """One state's squares: fragments that may not overlap, and the state's own, which win."""
    squares: dict[Stimulus, Cell] = {}
    for fragment in fragments:
        twice = squares.keys() & fragment.keys()
        if twice:
            raise ValueError(f"two fragments write the same squares: {sorted(twice)}")
        squares.update(fragment)
    squares.update(own)
    return squares


@dataclass(frozen=True)
class Deadline:
    """How long a state may last: a fixed time in seconds, or what the policy or target says."""

    seconds: float = 0.0
    of: str = ""
    """`ring`, `consult`, `guard`, `recall` or `hold`: the time of the target or the policy, plus
    `seconds`."""


@dataclass(frozen=True)
class Table:
    """The rules of one kind of workflow."""

    kind: Kind
    initial: State
    first: tuple[Step | Then, ...]
    """Begun at the start, before anything is heard."""
    rows: Mapping[State, Row]
    deadlines: Mapping[State, Deadline]

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ValueError(f"the {self.kind} table is not whole: " + "; ".join(problems))

    @property
    def live(self) -> tuple[State, ...]:
        """The live states, in the order in which they are written."""
        return tuple(self.rows)

    def cell(self, state: State, stimulus: Stimulus) -> Cell:
        """The square for `stimulus` in `state`; unwritten requests and ended transfers reject."""
        if state in TERMINAL:
            return reject("the transfer is over")
        found = self.rows[state].get(stimulus)
        if found is not None:
            return found
        return reject(f"this makes no sense while {state.replace('_', ' ')}")


def _problems(table: Table) -> list[str]:
    """What is missing or wrong in `table`, in words."""
    found: list[str] = []
    if table.initial not in table.rows:
        found.append(f"no row for the initial state {table.initial}")
    for state, squares in table.rows.items():
        if state in TERMINAL:
            found.append(f"{state} is an end and cannot have a row")
        unwritten = FACTS - squares.keys()
        if unwritten:
            found.append(f"{state} does not say what to do on {', '.join(sorted(unwritten))}")
        if state not in table.deadlines:
            found.append(f"{state} has no deadline")
        for stimulus, cell in squares.items():
            if cell.verdict is Verdict.GO and cell.to not in TERMINAL | table.rows.keys():
                found.append(f"{state} on {stimulus} goes to {cell.to}, which has no row")
            if cell.verdict is Verdict.IGNORE and not cell.why:
                found.append(f"{state} ignores {stimulus} without saying why")
            if cell.verdict is Verdict.REJECT and stimulus in FACTS:
                found.append(f"{state} rejects the fact {stimulus}: facts cannot be refused")
    return found
