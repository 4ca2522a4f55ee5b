"""Each invariant trips on a transfer that breaks it: an oracle that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.machine.harness import just_begun, warm
from workflows.machine.invariants import INVARIANTS, BrokenInvariantError, check
from workflows.machine.model import Leg, Policy, Presence, Reason, Recordings, State, Transfer

GONE = Leg(presence=Presence.GONE)
HERE = Leg(presence=Presence.PRESENT)


def ringing(**changes: object) -> Transfer:
    return replace(warm(targets=2).transfer, **changes)  # type: ignore[arg-type]


def ended(state: State, **changes: object) -> Transfer:
    over = {"state": state, "deadline_at": None, "reason": Reason.COMPLETED, "target": GONE}
    return ringing(**{**over, "caller": HERE, **changes})


def two_attempts(**changes: object) -> Transfer:
    transfer = ringing()
    return replace(transfer, attempts=transfer.attempts * 2, **changes)  # type: ignore[arg-type]


BROKEN: dict[str, Callable[[], Transfer]] = {
    "live_state_has_deadline": lambda: ringing(deadline_at=None),
    "caller_is_never_alone": lambda: ringing(caller=HERE, agent=GONE),
    "consult_is_private": lambda: ringing(state=State.CONSULTING, caller=HERE, target=HERE),
    "consult_is_told": lambda: ringing(
        state=State.CONSULTING,
        caller=Leg(presence=Presence.PRESENT, held=True),
        target=HERE,
        is_supervised=True,
    ),
    "consult_is_not_recorded": lambda: ringing(
        state=State.CONSULTING,
        policy=Policy(pause_recordings=True),
        recordings=Recordings(running=("RE1",)),
    ),
    "pause_of_a_person_is_kept": lambda: ringing(
        recordings=Recordings(paused=("RE1",), owed=("RE1",), by_person=True)
    ),
    "one_attempt_at_a_time": two_attempts,
    "earlier_attempts_are_over": two_attempts,
    "completed_means_talking": lambda: ended(State.COMPLETED),
    "cancelled_leaves_no_target": lambda: ended(State.CANCELLED, target=HERE),
    "resumed_means_off_hold": lambda: ended(
        State.RESUMED, caller=Leg(presence=Presence.PRESENT, held=True)
    ),
    "abandoned_leaves_nobody": lambda: ended(
        State.ABANDONED, reason=Reason.CALLER_HUNG_UP, target=HERE
    ),
    "end_has_reason": lambda: ended(State.CANCELLED, reason=None),
    "agent_leaves_only_for_somebody": lambda: ringing(
        caller=HERE, agent=Leg(presence=Presence.LEAVING)
    ),
    "journal_is_bounded": lambda: ringing(pending=("key",) * 21),
}


def test_every_invariant_has_a_transfer_that_breaks_it() -> None:
    assert {claim.__name__ for claim in INVARIANTS} == BROKEN.keys()


@pytest.mark.parametrize("name", BROKEN)
def test_invariant_trips(name: str) -> None:
    with pytest.raises(BrokenInvariantError, match=name):
        check(BROKEN[name]())


def test_sound_transfers_pass() -> None:
    check(just_begun().transfer)
    check(warm().answers().transfer)
    check(warm().answers().asks("complete").waits(5).transfer)
