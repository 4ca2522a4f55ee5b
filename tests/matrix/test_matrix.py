"""Every cell of docs/fault-matrix.md, played."""

from __future__ import annotations

import pytest

from tests.matrix.cells import complaints_about
from tests.matrix.open_cells import OPEN
from tests.matrix.table import Cell, flows

CELLS = [cell for flow in flows().values() for cell in flow.applicable]


def _marked(cell: Cell) -> object:
    reason = OPEN.get(cell.id)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(cell, id=cell.id, marks=marks)


@pytest.mark.parametrize("cell", [_marked(cell) for cell in CELLS])
def test_cell(cell: Cell) -> None:
    complaints = complaints_about(cell)
    assert not complaints, "\n".join((f"{cell.id} ({cell.code})", *complaints))
