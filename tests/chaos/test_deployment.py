"""Every state of every table is parked in, or it is said why not."""

from __future__ import annotations

from simulator.core.taskrouter.model import OPEN_TASK
from tests.chaos.phases import PHASES, UNPARKED
from tests.chaos.phases_queues import KINDS, QUEUE_PHASES, QUEUE_UNPARKED
from workflows.machine.cold import COLD
from workflows.machine.hold import HOLD
from workflows.machine.inbound import INBOUND, ROUTED
from workflows.machine.supervision.table import ROWS
from workflows.machine.warm import WARM

TABLES = {"warm": WARM, "cold": COLD, "hold": HOLD, "inbound": INBOUND}
QUEUE_TABLES = {KINDS["warm"]: WARM, KINDS["cold"]: COLD, "routed": ROUTED}
TASKS = ("enqueued", "looked for")


def test_every_state_of_every_table_is_parked_in_or_it_is_said_why_not() -> None:
    states = {(name, state.value) for name, table in TABLES.items() for state in table.live}
    states |= {("supervisor", state.value) for state in ROWS}
    assert PHASES.keys() | UNPARKED.keys() == states
    assert not PHASES.keys() & UNPARKED.keys()


def test_every_state_of_a_call_through_taskrouter_is_parked_in_or_it_is_said_why_not() -> None:
    states = {(name, state.value) for name, table in QUEUE_TABLES.items() for state in table.live}
    states |= {(name, status) for name in TASKS for status in OPEN_TASK}
    assert QUEUE_PHASES.keys() | QUEUE_UNPARKED.keys() == states
    assert not QUEUE_PHASES.keys() & QUEUE_UNPARKED.keys()
