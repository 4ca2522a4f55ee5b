"""Every state of every table is parked in, or it is said why not."""

from __future__ import annotations

from tests.chaos.phases import PHASES, UNPARKED
from workflows.machine.cold import COLD
from workflows.machine.hold import HOLD
from workflows.machine.inbound import INBOUND, ROUTED
from workflows.machine.supervision.table import ROWS
from workflows.machine.warm import WARM

TABLES = {"warm": WARM, "cold": COLD, "hold": HOLD, "inbound": INBOUND, "routed": ROUTED}


def test_every_state_of_every_table_is_parked_in_or_it_is_said_why_not() -> None:
    states = {(name, state.value) for name, table in TABLES.items() for state in table.live}
    states |= {("supervisor", state.value) for state in ROWS}
    assert PHASES.keys() | UNPARKED.keys() == states
    assert not PHASES.keys() & UNPARKED.keys()
