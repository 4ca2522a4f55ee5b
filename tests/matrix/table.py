"""Reads the cells out of docs/fault-matrix.md, the one table that people and tests share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
NOT_APPLICABLE = "·"
_FLOW = re.compile(r"^## ([A-Z]): (.+)$")
_CODES = "## Codes"
_FAULT = re.compile(r"^(F\d\d) (.+)$")
_STEP = re.compile(r"`([A-Z][0-9A-Z]{1,2})` ([^;.]+)")


@dataclass(frozen=True)
class Cell:
    """One fault at one step, and the code of what must come of it."""

    flow: str
    step: str
    fault: str
    code: str

    @property
    def id(self) -> str:
        return f"FM-{self.step}-{self.fault}"


@dataclass(frozen=True)
class Flow:
    """One table: its steps and faults in words, and its cells in reading order."""

    letter: str
    title: str
    steps: dict[str, str]
    faults: dict[str, str]
    cells: tuple[Cell, ...]

    @property
    def applicable(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.code != NOT_APPLICABLE)


@cache
def flows() -> dict[str, Flow]:
    """Every table of the page by its letter. Raises `ValueError` where a table has holes."""
    found = {}
    for part in re.split(r"(?m)^(?=## )", PAGE.read_text(encoding="utf-8")):
        heading = _FLOW.match(part.partition("\n")[0])
        if heading:
            found[heading[1]] = _flow(heading[1], heading[2], part)
    return found


@cache
def codes() -> dict[str, str]:
    """What each code means, in words."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition(_CODES)[2].partition("\n## ")[0]
    return {row[0]: row[1] for row in _rows(part)[1:]}


def _flow(letter: str, title: str, text: str) -> Flow:
    header, *rows = _rows(text)
    steps = dict(_STEP.findall(text.partition("|")[0]))
    if list(steps) != header[1:]:
        raise ValueError(f"{letter}: the words are about {list(steps)}, the table {header[1:]}")
    faults, cells = {}, []
    for row in rows:
        named = _FAULT.match(row[0])
        if named is None or len(row) != len(header):
            raise ValueError(f"{letter}: not a row of the matrix: {row}")
        faults[named[1]] = named[2]
        for step, code in zip(header[1:], row[1:], strict=True):
            if code not in codes():
                raise ValueError(f"FM-{step}-{named[1]}: nobody says what {code!r} means")
            cells.append(Cell(letter, step, named[1], code))
    return Flow(letter, title, steps, faults, tuple(cells))


def _rows(text: str) -> list[list[str]]:
    """The rows of the one Markdown table in a text, header first."""
    rows = [
        [each.strip() for each in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [row for row in rows if not set("".join(row)) <= set("-: ")]
