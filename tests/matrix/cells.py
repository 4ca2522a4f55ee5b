"""A cell of the page and what is wrong with it: all its ways, each played and judged."""

from __future__ import annotations

from tests.matrix.faults import ways
from tests.matrix.open_cells import OPEN
from tests.matrix.outcomes import complaints
from tests.matrix.steps import STEPS
from tests.matrix.table import Cell, flows


def complaints_about(cell: Cell) -> list[str]:
    """Everything that is wrong; empty if the cell passes."""
    if cell.step not in STEPS:
        return ["nobody has said yet at which moment of a story this step is"]
    found = []
    for way in ways(cell.step, cell.fault, cell.code):
        wrong = complaints(way, STEPS[cell.step].story)
        found += [f"{way.name}: {each}" if way.name else each for each in wrong]
    return found


def known_to_fail() -> dict[str, str]:
    """Cells that do not pass yet, and why."""
    return OPEN | {
        cell.id: "its flow is not played yet"
        for flow in flows().values()
        for cell in flow.applicable
        if cell.step not in STEPS
    }
