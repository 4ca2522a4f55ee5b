"""What must hold of a supervision after every step, one named function each."""

from __future__ import annotations

from collections.abc import Callable

from workflows.machine.invariants import BrokenInvariantError
from workflows.machine.model import JOURNAL_ENTRIES_MAX
from workflows.machine.supervision.model import (
    REMEMBERED_MAX,
    SPEAKING,
    SUPERVISORS_MAX,
    Mode,
    State,
    Supervision,
)


def live_supervisor_has_deadline(value: Supervision) -> bool:
    """A supervisor who is on the call or on the way is looked after (L1)."""
    return all((each.deadline_at is not None) == each.is_live for each in value.supervisors)


def silent_states_are_reported_silent(value: Supervision) -> bool:
    """Who is proven to be muted is heard by nobody; who is heard is reported so (S7)."""
    return all(
        each.heard_by_agent == (each.state in SPEAKING)
        for each in value.supervisors
        if each.state in SPEAKING | {State.LISTENING, State.APART}
    )


def whisper_has_one_listener(value: Supervision) -> bool:
    """A whisper is aimed at one agent, and is not for everybody (S7)."""
    return all(
        bool(each.coached) and not each.heard_by_all
        for each in value.supervisors
        if each.state is State.WHISPERING
    )


def one_coaches_at_a_time(value: Supervision) -> bool:
    """No agent hears two whispers."""
    return sum(each.mode is Mode.WHISPER for each in value.live) <= 1


def one_takes_over_at_a_time(value: Supervision) -> bool:
    """No call is taken over by two."""
    return sum(each.takes_over for each in value.live) <= 1


def changes_await_an_outcome(value: Supervision) -> bool:
    """A state that waits for a command has one under way."""
    waits = {
        State.SILENCING: ("Silence",),
        State.OPENING: ("Whisper", "Barge"),
        State.PARTING: ("SetApart",),
        State.TAKING_OVER: ("AskOwners", "ReleaseAgent"),
    }
    return all(
        any(
            key.startswith(f"{each.label}/") and key.endswith(waits[each.state])
            for key in value.pending
        )
        for each in value.supervisors
        if each.state in waits
    )


def supervision_is_bounded(value: Supervision) -> bool:
    """Nothing kept per call grows without end (S25)."""
    return (
        len(value.live) <= SUPERVISORS_MAX
        and len(value.supervisors) <= REMEMBERED_MAX
        and len(value.journal) <= JOURNAL_ENTRIES_MAX
        and len(value.pending) <= 8 * SUPERVISORS_MAX
    )


INVARIANTS: tuple[Callable[[Supervision], bool], ...] = (
    live_supervisor_has_deadline,
    silent_states_are_reported_silent,
    whisper_has_one_listener,
    one_coaches_at_a_time,
    one_takes_over_at_a_time,
    changes_await_an_outcome,
    supervision_is_bounded,
)


def check(value: Supervision) -> None:
    """Raise `BrokenInvariantError`, naming each claim that does not hold."""
    broken = [claim.__name__ for claim in INVARIANTS if not claim(value)]
    if broken:
        raise BrokenInvariantError(f"{', '.join(broken)} does not hold at step {value.step}")
