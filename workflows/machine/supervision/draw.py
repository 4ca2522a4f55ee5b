"""Draws the supervisors' table for docs/state-machine.md: grid, deadlines, refusals, words."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from workflows.machine.supervision import model, stimuli
from workflows.machine.supervision.model import State
from workflows.machine.supervision.stimuli import REQUESTS, On
from workflows.machine.supervision.table import DEADLINES, ROWS, Cell
from workflows.machine.table import Verdict

Told = Callable[[str, str], Mapping[str, str]]
"""The docstrings of an enum's members, out of its module's source."""

GROUPS: tuple[tuple[str, tuple[On, ...]], ...] = (
    ("Requests", tuple(on for on in On if on in REQUESTS)),
    (
        "The leg",
        (
            On.DIALED,
            On.ANSWERED,
            On.ANSWERED_IN_CONSULT,
            On.NOT_REACHED,
            On.DIAL_DOUBTFUL,
            On.MACHINE,
            On.RING_OVER,
            On.GONE,
            On.ENDED,
            On.NOT_ENDED,
            On.ROOM_ENDED,
        ),
    ),
    (
        "The voice",
        (
            On.SILENT,
            On.SILENT_TO_WHISPER,
            On.SILENT_TO_BARGE,
            On.SILENT_TO_PART,
            On.NOT_SILENT,
            On.HEARD_BY_AGENT,
            On.HEARD_BY_ALL,
            On.HEARD_TO_TAKE_OVER,
            On.NOT_HEARD,
            On.VOICE_DOUBTFUL,
            On.SET_APART,
            On.NOT_SET_APART,
        ),
    ),
    (
        "What the call does",
        (
            On.FOUND_MUTED,
            On.FOUND_AUDIBLE,
            On.AGENT_LOST,
            On.AGENT_FOUND,
            On.CONSULT_BEGAN,
            On.CONSULT_OVER,
            On.CONSULT_DOUBTFUL,
            On.CALLER_IS_FREE,
            On.CALLER_IS_THEIRS,
            On.TRANSFER_FOUND,
            On.AGENT_RELEASED,
            On.AGENT_KEPT,
            On.RELEASE_DOUBTFUL,
            On.DEADLINE,
        ),
    ),
)

_INTRODUCTION = """
## Supervision: one row per state of one supervisor

A model of its own, `workflows/machine/supervision/`: each supervisor of a call goes through this
table for themselves. It begins in `DIALING` with `AddSupervisor`. Every change of who hears a
supervisor goes through `SILENCING` or begins in `LISTENING`: no voice leads to another one, and
`PARTING` mutes before anything else. The order of requests below a command is told in
[decision 10](decisions/0010-every-change-of-voice-goes-through-silence.md).
"""


def section(told: Told) -> str:
    """The whole section."""
    parts = [_INTRODUCTION.strip(), _meanings(told)]
    for title, columns in GROUPS:
        parts += [f"### {title} (supervision)", _grid(columns)]
    parts += ["### Deadlines (supervision)", _deadlines()]
    parts += ["### What is ignored, and why (supervision)", _reasons(Verdict.IGNORE)]
    parts += ["### What the columns mean (supervision)", _columns(told)]
    return "\n\n".join(parts)


def left_out() -> set[On]:
    """Stimuli that no grid has; a test keeps it empty."""
    drawn = {on for _, columns in GROUPS for on in columns}
    return set(On) - drawn - {On.NOTED}


def _meanings(told: Told) -> str:
    words = told(inspect.getsource(model), "State")
    lines = ["| state | who may hear the supervisor |", "|---|---|"]
    lines += [f"| `{state.upper()}` | {words[state.name]} |" for state in State]
    return "\n".join(lines)


def _grid(columns: tuple[On, ...]) -> str:
    heads = " | ".join(on.replace("_", " ") for on in columns)
    lines = [f"| | {heads} |", "|---" * (len(columns) + 1) + "|"]
    for state, row in ROWS.items():
        squares = [_square(row.get(on)) for on in columns]
        if any(square != "·" for square in squares):
            lines.append(f"| `{state.upper()}` | {' | '.join(squares)} |")
    return "\n".join(lines)


def _square(cell: Cell | None) -> str:
    if cell is None or cell.verdict in (Verdict.IGNORE, Verdict.REJECT):
        return "·"
    commands = " › ".join(each.__name__ for each in cell.commands)
    if cell.to is None:
        return commands or "stay"
    to = f"**{cell.to.upper()}**"
    return f"{to}: {commands}" if commands else to


def _deadlines() -> str:
    lines = ["| state | looked at after | then |", "|---|---|---|"]
    for state, row in ROWS.items():
        square = _square(row[On.DEADLINE])
        lines.append(f"| `{state.upper()}` | {DEADLINES[state]:g} s | {square} |")
    return "\n".join(lines)


def _reasons(verdict: Verdict) -> str:
    found: dict[str, dict[On, list[State]]] = defaultdict(lambda: defaultdict(list))
    for state, row in ROWS.items():
        for on, cell in row.items():
            if cell.verdict is verdict:
                found[cell.why][on].append(state)
    return "\n".join(
        f"- {why}: {_some(on for on in On if on in found[why])} in {_some(_where(found[why]))}"
        for why in sorted(found)
    )


def _where(squares: Mapping[On, list[State]]) -> Iterator[str]:
    states = {state for where in squares.values() for state in where}
    return (state.upper() for state in State if state in states)


def _some(names: Iterator[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _columns(told: Told) -> str:
    words = told(inspect.getsource(stimuli), "On")
    return "\n".join(
        f"- **{on.replace('_', ' ')}**: {words[on.name]}" for on in On if on.name in words
    )
