"""Draws docs/state-machine.md from the tables: grid, diagram, deadlines, what the states mean.

    python -m workflows.machine.render            # writes the page
    python -m workflows.machine.render --check    # fails when the page is stale

The one file of the machine that is also a command. Everything but `main` is pure.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from workflows.machine import model, stimuli
from workflows.machine.cold import COLD
from workflows.machine.hold import HOLD
from workflows.machine.inbound import INBOUND
from workflows.machine.model import State
from workflows.machine.stimuli import REQUESTS, Stimulus
from workflows.machine.supervision import draw
from workflows.machine.table import Cell, Deadline, Table, Then, Verdict
from workflows.machine.warm import WARM

PAGE = Path("docs/state-machine.md")

TITLES = {
    "warm": "Warm transfer: the agent talks to the target first",
    "cold": "Cold transfer: the agent does not talk to the target",
    "hold": "Hold: the agent lets the caller wait",
    "inbound": "Inbound call: an agent is found, and the call is watched to its end",
}

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Requests", ()),
    ("The target's phone", ("target_", "queue_")),
    ("The agent", ("agent_",)),
    ("The caller", ("caller_", "call_")),
    ("Nobody for the caller", ("alone_",)),
    ("Recordings", ("recording_",)),
    ("Hold, transfer, call, supervision", ("transfer_", "hold_", "owner_", "supervisor_")),
    ("Room, strangers, time", ("room_", "str", "settled", "deadline", "notice_", "reminder_")),
)
"""The grids of a table: a title and how its stimuli begin. Each stimulus falls into the first group
that fits, so that none can be left out."""


def page() -> str:
    """The whole page."""
    tables = (WARM, COLD, HOLD, INBOUND)
    parts = [_INTRODUCTION, _meanings(tables), *map(_section, tables), _columns(tables)]
    parts.append(draw.section(members_told))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


_INTRODUCTION = """
# The state machine

Generated from the tables in `workflows/machine/` by `python -m workflows.machine.render`. Do not
edit: `make check` fails when this page is stale.

How to read a square of a grid:

| square | means |
|---|---|
| `CONSULTING` | go to that state |
| `DIALING: Dial…` | go to that state and begin the command |
| `HoldCaller` | stay, and begin the command |
| `A › B` | begin `B` only when the outcome of `A` is known |
| `stay` | nothing to do but to note it |
| `·` | ignored, or a request that is refused: nothing happens and no timer is touched |

Two commands side by side run side by side, if they are about different legs. A command that has
nothing to act on is left out: no leg is ended that does not live, nobody is held who is on hold.
"""


# --- one table -----------------------------------------------------------------------------------


def _section(table: Table) -> str:
    parts = [f"## {TITLES[table.kind]}", _beginning(table), _diagram(table)]
    for title, columns in _groups(table):
        parts += [f"### {title} ({table.kind})", _grid(table, columns)]
    parts += [f"### Deadlines ({table.kind})", _deadlines(table)]
    parts += [f"### What is ignored, and why ({table.kind})", _ignored(table)]
    return "\n\n".join(parts)


def _beginning(table: Table) -> str:
    first = ", ".join(f"`{_name(each)}`" for each in table.first)
    return f"Begins in `{table.initial.upper()}` with {first}."


def _groups(table: Table) -> Iterator[tuple[str, list[Stimulus]]]:
    """The stimuli that do something in `table`, group by group."""
    left = [each for each in Stimulus if _matters(table, each)]
    for title, prefixes in GROUPS:
        if prefixes:
            mine = [each for each in left if each.startswith(prefixes)]
        else:
            mine = [each for each in left if each in REQUESTS]
        left = [each for each in left if each not in mine]
        if mine:
            yield title, mine
    if left:
        raise ValueError(f"no group of the page has {', '.join(left)}")


def _matters(table: Table, stimulus: Stimulus) -> bool:
    return any(
        stimulus in row and row[stimulus].verdict in (Verdict.GO, Verdict.STAY)
        for row in table.rows.values()
    )


def _grid(table: Table, columns: list[Stimulus]) -> str:
    heads = " | ".join(_words(each) for each in columns)
    lines = [f"| | {heads} |", "|---" * (len(columns) + 1) + "|"]
    for state in table.rows:
        squares = [_square(table.rows[state].get(each)) for each in columns]
        if any(square != "·" for square in squares):
            lines.append(f"| `{state.upper()}` | {' | '.join(squares)} |")
    return "\n".join(lines)


def _square(cell: Cell | None) -> str:
    if cell is None or cell.verdict in (Verdict.IGNORE, Verdict.REJECT):
        return "·"
    commands = ""
    for each in cell.commands:
        joint = " › " if isinstance(each, Then) else ", "
        commands += (joint if commands else "") + _name(each)
    if cell.verdict is Verdict.STAY or cell.to is None:
        return commands or "stay"
    to = f"**{cell.to.upper()}**"
    return f"{to}: {commands}" if commands else to


def _name(each: object) -> str:
    command = each.command if isinstance(each, Then) else each
    return getattr(command, "__name__", str(command))


def _diagram(table: Table) -> str:
    """Where the states lead, with the stimuli that lead there; the two that lead away from almost
    everywhere are left out, and told below the drawing."""
    ways: dict[tuple[State, State], list[str]] = defaultdict(list)
    everywhere = {State.RELEASING, State.DIVERTING, State.RECALLING}
    for state, row in table.rows.items():
        for stimulus, cell in sorted(row.items(), key=lambda each: list(Stimulus).index(each[0])):
            if cell.verdict is not Verdict.GO or cell.to is None or cell.to is state:
                continue
            if cell.to not in everywhere:
                ways[state, cell.to].append(_words(stimulus))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {table.initial}"]
    for (start, end), words in ways.items():
        shown = ", ".join(words[:3]) + (", …" if len(words) > 3 else "")
        lines.append(f"    {start} --> {end}: {shown}")
    reached = {cell.to for row in table.rows.values() for cell in row.values() if cell.to}
    lines += [f"    {end} --> [*]" for end in State if end in reached and end in model.TERMINAL]
    lines.append("```")
    missing = ", ".join(f"`{each.upper()}`" for each in State if each in everywhere & reached)
    lines += ["", f"Not drawn, because nearly every state may lead there: {missing}."]
    return "\n".join(lines)


_OF = {
    "ring": "the target's ring time",
    "consult": "`consult_seconds_max`",
    "guard": "`guard_seconds`",
    "recall": "`recall_ring_seconds`",
    "hold": "`hold_seconds_max` since the caller was held",
}


def _deadlines(table: Table) -> str:
    lines = ["| state | lasts at most | then |", "|---|---|---|"]
    for state, deadline in table.deadlines.items():
        cell = table.rows[state][Stimulus.DEADLINE]
        because = f" ({cell.because})" if cell.because else ""
        after = "asks for the leg's end once more" if cell.verdict is Verdict.IGNORE else ""
        square = after or _square(cell) + because
        lines.append(f"| `{state.upper()}` | {_seconds(deadline)} | {square} |")
    return "\n".join(lines)


def _seconds(deadline: Deadline) -> str:
    fixed = f"{deadline.seconds:g} s"
    if not deadline.of:
        return fixed
    return _OF[deadline.of] + (f" + {fixed}" if deadline.seconds else "")


def _ignored(table: Table) -> str:
    """Each reason once, with the squares it stands in."""
    reasons: dict[str, dict[Stimulus, list[State]]] = defaultdict(lambda: defaultdict(list))
    for state, row in table.rows.items():
        for stimulus, cell in row.items():
            if cell.verdict is Verdict.IGNORE:
                reasons[cell.why][stimulus].append(state)
    lines = []
    for why in sorted(reasons):
        squares = reasons[why]
        states = {state for where in squares.values() for state in where}
        heard = [stimulus for stimulus in Stimulus if stimulus in squares]
        lines.append(f"- {why}: {_some(heard)} in {_some(s.upper() for s in _in_order(states))}")
    return "\n".join(lines)


def _in_order(states: Iterable[State]) -> list[State]:
    return [state for state in State if state in set(states)]


def _some(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --- words ---------------------------------------------------------------------------------------


def _meanings(tables: Iterable[Table]) -> str:
    told = members_told(inspect.getsource(model), "State")
    used = {state: [table.kind.value for table in tables if state in table.rows] for state in State}
    lines = ["## What the states mean", "", "| state | in | who is where |", "|---|---|---|"]
    for state in State:
        kinds = ", ".join(used[state]) or "end"
        lines.append(f"| `{state.upper()}` | {kinds} | {told[state.name]} |")
    return "\n".join(lines)


def _columns(tables: Iterable[Table]) -> str:
    told = members_told(inspect.getsource(stimuli), "Stimulus")
    seen = {each for table in tables for each in Stimulus if _matters(table, each)}
    lines = ["## What the columns mean", ""]
    lines += [
        f"- **{_words(each)}**: {told[each.name]}"
        for each in Stimulus
        if each in seen and each.name in told
    ]
    return "\n".join(lines)


def members_told(source: str, enum: str) -> Mapping[str, str]:
    """The string below each member of `enum`: documentation that Python itself does not keep."""
    told: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or node.name != enum:
            continue
        for above, below in zip(node.body, node.body[1:], strict=False):
            is_told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if isinstance(above, ast.Assign) and is_told:
                member, text = above.targets[0], ast.literal_eval(below.value)  # type: ignore[attr-defined]
                if isinstance(member, ast.Name):
                    told[member.id] = " ".join(str(text).split())
    return told


def _words(stimulus: str) -> str:
    return stimulus.replace("_", " ")


# --- the command ---------------------------------------------------------------------------------


def main(argv: list[str]) -> int:
    """Write the page, or with `--check` say whether it is stale."""
    fresh = page()
    if "--check" not in argv:
        PAGE.write_text(fresh, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == fresh:
        return 0
    print(f"{PAGE} is stale: run `python -m workflows.machine.render`")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
