"""A cell of the page and what is wrong with it: all its ways, each played and judged."""

from __future__ import annotations

from tests.matrix.faults import ways
from tests.matrix.outcomes import complaints
from tests.matrix.steps import STEPS
from tests.matrix.table import Cell


def complaints_about(cell: Cell) -> list[str]:
    """Everything that is wrong; empty if the cell passes."""
    found = []
    for way in ways(cell.step, cell.fault, cell.code):
        wrong = complaints(way, way.base or STEPS[cell.step].story)
        found += [f"{way.name}: {each}" if way.name else each for each in wrong]
    return found
