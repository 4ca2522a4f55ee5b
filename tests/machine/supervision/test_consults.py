"""A transfer says when agent and target talk without the caller, and who stays away is apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.supervision.moves import asked_and_settled, listening
from tests.machine.supervision.rooms import BOB, CALLER, Leg
from tests.machine.supervision.test_step import EMPTY, wish
from tests.machine.supervision.worlds import AT, Rig, World, reading_of
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    LegAnswered,
    TransferReported,
)
from workflows.machine.supervision.model import Consult, Mode, State, SupervisorPolicy
from workflows.machine.supervision.step import Stepped, step

STAYS = SupervisorPolicy(consult=Consult.STAYS)
ON, OFF = TransferReported(at=AT, consult="on"), TransferReported(at=AT, consult="off")


def staying(verb: str = "") -> World:
    rig = Rig(consult=Consult.STAYS)
    return asked_and_settled(rig, verb) if verb else listening(rig)


def state_of(stepped: Stepped) -> State:
    return stepped.value.supervisors[0].state


def names(stepped: Stepped) -> list[str]:
    return [each.name for each in stepped.commands]


@pytest.mark.parametrize("verb", ["", "whisper", "barge"])
def test_word_of_a_consult_sets_apart_at_once(verb: str) -> None:
    """By one command, whose first request is mute and hold: no look, no reading, no deadline."""
    told = step(staying(verb).value, ON)
    assert (state_of(told), names(told)) == (State.PARTING, ["SetApart"])


def test_word_concerns_only_who_stays_with_the_caller() -> None:
    told = step(listening(Rig()).value, ON)
    assert (state_of(told), told.commands) == (State.LISTENING, ())


def apart() -> World:
    world = staying()
    told = step(world.value, ON)
    (job,) = told.commands
    mine = next(leg for leg in world.room.legs if leg.label)
    held = world.room.having(Leg(CALLER, held=True)).having(replace(mine, held=True))
    held = held.entered(Leg(BOB))
    done = CommandSucceeded(at=AT, command=job.name, key=job.key, reading=reading_of(held))
    after = step(told.value, done)
    assert state_of(after) is State.APART
    return replace(world, value=after.value, room=held)


def test_word_that_it_is_over_brings_back_at_once() -> None:
    back = step(apart().value, OFF)
    assert (state_of(back), names(back)) == (State.SILENCING, ["Silence"])


def test_word_in_the_middle_of_coming_back_parts_again() -> None:
    """The agent swaps twice, faster than a change of the voice takes."""
    back = step(apart().value, OFF)
    again = step(back.value, ON)
    assert (state_of(again), names(again)) == (State.PARTING, ["SetApart"])


def looked(world: World, held: bool) -> Stepped:
    """The look that is due finds the caller on hold, or off."""
    look = step(world.value, DeadlinePassed(at=world.value.deadline_at or AT))
    (read,) = look.commands
    room = world.room.having(Leg(CALLER, held=held))
    told = CommandSucceeded(at=AT, command=read.name, key=read.key, reading=reading_of(room))
    return step(look.value, told)


def test_look_does_not_outvote_the_transfer_but_asks_it() -> None:
    """The caller is about to be held, or the transfer was ended by force: only it can tell."""
    assert looked(apart(), held=True).commands == ()
    doubted = looked(apart(), held=False)
    assert (state_of(doubted), names(doubted)) == (State.APART, ["TellTransfer"])


def test_where_no_transfer_lives_the_room_decides() -> None:
    doubted = looked(apart(), held=False)
    (ask,) = doubted.commands
    gone = CommandFailed(at=AT, command=ask.name, key=ask.key, failure="gone")
    nobody = step(doubted.value, gone)
    assert names(nobody) == ["ReadSupervised"]
    (read,) = nobody.commands
    room = apart().room.having(Leg(CALLER))
    seen = CommandSucceeded(at=AT, command=read.name, key=read.key, reading=reading_of(room))
    assert state_of(step(nobody.value, seen)) is State.SILENCING


def test_refused_question_says_nothing_of_a_transfer_that_began_since() -> None:
    doubted = looked(apart(), held=False)
    (ask,) = doubted.commands
    anew = step(doubted.value, ON).value
    gone = CommandFailed(at=AT, command=ask.name, key=ask.key, failure="gone")
    after = step(anew, gone)
    assert after.value.is_told
    assert after.commands == ()


def test_transfer_is_told_of_who_stays_at_the_dial_and_in_the_room() -> None:
    rung = step(EMPTY, wish(policy=STAYS))
    assert names(rung) == ["AddSupervisor", "TellTransfer"]
    label = rung.value.supervisors[0].label
    there = step(rung.value, LegAnswered(at=12.0, call_sid="CA1", label=label))
    assert names(there) == ["Silence", "TellTransfer"]
    assert names(step(EMPTY, wish())) == ["AddSupervisor"], "others hear all"


@pytest.mark.parametrize("mode", list(Mode))
def test_who_comes_into_a_consult_is_set_apart_before_all_else(mode: Mode) -> None:
    rung = step(step(EMPTY, wish(policy=STAYS, mode=mode)).value, ON).value
    label = rung.supervisors[0].label
    there = step(rung, LegAnswered(at=12.0, call_sid="CA1", label=label))
    assert (state_of(there), names(there)) == (State.PARTING, ["SetApart", "TellTransfer"])


def test_reading_that_was_begun_before_the_word_tells_nothing_of_it() -> None:
    """Begun while the caller was on hold; told after the transfer has taken its word back."""
    world = apart()
    look = step(world.value, DeadlinePassed(at=world.value.deadline_at or AT))
    (read,) = look.commands
    back = step(look.value, OFF).value
    old = CommandSucceeded(at=AT, command=read.name, key=read.key, reading=reading_of(world.room))
    after = step(back, old)
    assert (after.value.is_consulting, state_of(after)) == (False, State.SILENCING)
