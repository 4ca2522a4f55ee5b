"""Stories of queues that bad days have brought to light: who has the call, and whose task it is."""

from __future__ import annotations

import pytest

from tests.simulation.faults import Act, Entered, Fault, Rings
from tests.simulation.play import play
from tests.simulation.simulate import be_quiet
from tests.simulation.stage import CALLER, PEOPLE

PICKS_UP = 2.0
"""Seconds from the first ring, in plain stories."""
TARGET, SECOND = PEOPLE["target"], PEOPLE["second"]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


@pytest.mark.parametrize("after", [0.02, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3])
def test_worker_who_declines_while_being_put_through_does_not_keep_the_call(after: float) -> None:
    """TaskRouter asks the next worker at once; that offer must not be taken for the first one's."""
    declines = Act(Rings("target", plus=PICKS_UP + after), "target", "reject_offer")
    completes = Act(Entered("consulting", 2, 2.0), "agent", "complete")
    hands_over = Act(Entered("consulting", plus=6.0), "agent", "complete")
    outcome = play("queue", acts=[declines, hands_over, completes])
    assert outcome.violations == []
    assert outcome.state == "completed"
    with_caller = {pair for pair in outcome.talked if CALLER in pair}
    assert any(SECOND in pair for pair in with_caller)
    assert not any(TARGET in pair for pair in with_caller)


def test_worker_who_hangs_up_unheard_as_the_agent_goes_is_not_left_busy() -> None:
    """Both reports are lost, and the caller is alone: the call ends, and with it every task that
    was made for it, also of who is not in the room any more."""
    outcome = play(
        "queue",
        acts=[
            Act(Entered("consulting", plus=1.0), "agent", "complete"),
            Act(Entered("settling", plus=0.01), "target", "hang_up"),
        ],
        faults=[Fault(Entered("leaving"), "cut_off", 2.0)],
    )
    assert outcome.violations == []
