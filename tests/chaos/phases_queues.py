"""Every state of a call that TaskRouter has a part in: how a call is parked in it, or why none is.

The states are those of the tables, and of TaskRouter's tasks: the caller's own (`enqueued`) and the
one that looks for a target (`looked for`). A test holds both lists against them.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.parked import Park, Phase
from tests.chaos.parked_queues import (
    accepting,
    caller_gone,
    nobody_there,
    offered_to_agent,
    routed,
    unanswered,
    waiting,
    wrapping_up,
)
from tests.chaos.phases import PASSING, PHASES, UNPARKED

KINDS = {"warm": "warm to worker", "cold": "cold to worker"}
WAITING: Phase = ("enqueued", "pending")
OFFERED: Phase = ("enqueued", "reserved")


def _to_worker(phase: Phase) -> Phase:
    return KINDS[phase[0]], phase[1]


QUEUE_PASSING: frozenset[Phase] = frozenset(
    _to_worker(each) for each in PASSING if each[0] in KINDS
)

QUEUE_PHASES: Mapping[Phase, Park] = {
    OFFERED: offered_to_agent,
    WAITING: waiting,
    ("enqueued", "wrapping"): wrapping_up,
    **{_to_worker(each): park for each, park in PHASES.items() if each[0] in KINDS},
    ("warm to worker", "recalling"): unanswered("warm"),
    ("cold to worker", "recalling"): unanswered("cold", release_agent="on_dial"),
    ("looked for", "pending"): nobody_there,
    ("looked for", "reserved"): accepting,
    ("routed", "talking"): routed,
    ("routed", "releasing"): caller_gone,
}

QUEUE_UNPARKED: Mapping[Phase, str] = {
    **{_to_worker(each): why for each, why in UNPARKED.items() if each[0] in KINDS},
    ("looked for", "assigned"): "the target has the call: every transfer that is parked later on",
    ("looked for", "wrapping"): "a target's task is completed, never left wrapping up",
    ("routed", "checking"): UNPARKED["supervisor", "opening"],
    ("routed", "asking"): "asks our own workflows, and nothing of Twilio",
    ("routed", "diverting"): UNPARKED["inbound", "diverting"],
    ("enqueued", "assigned"): "every call that is parked with an agent has one",
}
"""Why a state is not parked in."""
