"""Joins, help, limits, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.machine.supervision.moves import asked_and_settled, listening
from tests.machine.supervision.rooms import AGENT, CALLER
from tests.machine.supervision.worlds import Rig
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    LegAnswered,
    LegEnded,
    LegReading,
    LegScreened,
    RoomEnded,
    RoomReading,
    TaskReading,
)
from workflows.machine.supervision.invariants import check
from workflows.machine.supervision.model import (
    HELP_SECONDS_MAX,
    SUPERVISORS_MAX,
    Consult,
    Follow,
    HelpState,
    Mode,
    Phase,
    State,
    Supervision,
    SupervisorPolicy,
)
from workflows.machine.supervision.readings import learn
from workflows.machine.supervision.requests import (
    EverybodyLeaves,
    HelpRequested,
    HelpWithdrawn,
    JoinRequested,
    ModeRequested,
)
from workflows.machine.supervision.step import Stepped, allowed, is_over, step

EMPTY = Supervision("CF", "part", 10.0, caller_call_sid=CALLER, agent=AGENT)


def wish(number: int = 1, **changes: object) -> JoinRequested:
    asked = JoinRequested(f"{number:016x}", f"client:s{number}", Mode.MONITOR, "by", at=10.0)
    return replace(asked, **changes)  # type: ignore[arg-type]


def test_help_is_open_until_the_first_supervisor_joins() -> None:
    asked = step(EMPTY, HelpRequested("client:alice", "by", at=10.0)).value
    assert asked.state is Phase.ASKED
    assert not is_over(asked)
    joined = step(asked, wish(takes_help=True)).value
    assert joined.help is not None
    assert joined.help.taken_by == f"{1:016x}-v1"
    assert step(joined, wish(2, takes_help=True)).refusal == "help_taken"
    assert step(joined, wish(2)).refusal == ""


def test_hidden_supervisor_is_help_only_if_they_come_for_it() -> None:
    """Or the agent would wait for somebody whom nobody shows, and who may not know."""
    asked = step(EMPTY, HelpRequested("client:alice", "by", at=10.0)).value
    hidden = SupervisorPolicy(is_hidden=True)
    listening_in = step(asked, wish(policy=hidden)).value
    assert listening_in.is_help_open
    assert not step(listening_in, wish(2)).value.is_help_open
    assert not step(asked, wish(policy=hidden, takes_help=True)).value.is_help_open


def test_help_that_nobody_hears_is_over_after_its_time() -> None:
    asked = step(EMPTY, HelpRequested("client:alice", "by", at=10.0)).value
    assert asked.deadline_at == 10.0 + HELP_SECONDS_MAX
    early = step(asked, DeadlinePassed(at=11.0)).value
    assert early.is_help_open
    late = step(asked, DeadlinePassed(at=10.0 + HELP_SECONDS_MAX))
    assert is_over(late.value)
    assert [entry.heard for entry in late.entries] == ["HelpLapsed"]


def test_withdrawn_help_ends_a_supervision_that_has_nobody() -> None:
    asked = step(EMPTY, HelpRequested("client:alice", "by", at=10.0)).value
    assert is_over(step(asked, HelpWithdrawn("by", at=11.0)).value)


def test_help_is_over_with_its_call() -> None:
    asked = step(EMPTY, HelpRequested("client:alice", "by", at=10.0)).value
    over = step(asked, RoomEnded(at=11.0))
    assert is_over(over.value)
    assert over.value.help is not None
    assert over.value.help.state is HelpState.LAPSED
    assert [each.heard for each in over.entries] == ["HelpLapsed"]


@pytest.mark.parametrize(("second", "why"), [
    (wish(2, address="client:s1"), "supervises_already"),
    (wish(2, mode=Mode.WHISPER), "agent_is_coached"),
    (wish(2, takes_help=True), "help_taken"),
])  # fmt: skip
def test_who_may_not_join(second: JoinRequested, why: str) -> None:
    first = step(EMPTY, wish(mode=Mode.WHISPER)).value
    refused = step(first, second)
    assert refused.refusal == why
    assert refused.value == first


def test_supervisors_are_bounded() -> None:
    value = EMPTY
    for number in range(SUPERVISORS_MAX):
        value = step(value, wish(number)).value
    assert step(value, wish(99)).refusal == "too_many_supervisors"


def test_the_same_join_again_changes_nothing() -> None:
    first = step(EMPTY, wish()).value
    assert step(first, wish()).value == first


def test_every_change_is_in_the_journal_with_who_and_when() -> None:
    world = asked_and_settled(Rig(), "whisper")
    label = world.value.supervisors[0].label
    asked = ModeRequested(label, "barge", "key:boss", at=77.0)
    entry = step(world.value, asked).value.journal[-1]
    assert (entry.heard, entry.who, entry.by, entry.at) == ("Barge", "v1", "key:boss", 77.0)
    assert (entry.state_from, entry.state_to) == (State.WHISPERING, State.SILENCING)


def test_unknown_supervisor_is_refused() -> None:
    world = listening(Rig())
    assert step(world.value, ModeRequested("x", "barge", "by")).refusal == "unknown_supervisor"


def test_operator_lets_everybody_leave() -> None:
    world = listening(Rig(supervisors=2))
    after = step(world.value, EverybodyLeaves(at=1.0))
    assert [each.state for each in after.value.supervisors] == [State.LEAVING] * 2
    assert [each.name for each in after.commands] == ["EndSupervisor"] * 2


def took_over(**wish: Any) -> Stepped:
    """The step in which the agent is released."""
    world = asked_and_settled(Rig(), "barge")
    label = world.value.supervisors[0].label
    asked = nobody_has_the_caller(
        step(world.value, ModeRequested(label, "take_over", "by", at=50.0, **wish))
    )
    key = asked.commands[-1].key
    return step(asked.value, CommandSucceeded(at=51.0, command="ReleaseAgent", key=key))


@pytest.mark.parametrize(("verb", "is_theirs"), [("whisper", 1), ("take_over", 1), ("monitor", 0)])
def test_agent_may_be_known_by_the_request_only(verb: str, is_theirs: bool) -> None:
    """Seed 900652: the supervision began before the call's people were known, and a take-over ended
    the task of an agent whom it did not know, and who stayed."""
    value = replace(asked_and_settled(Rig(), "barge").value, agent="")
    asked = ModeRequested(value.supervisors[0].label, verb, "by", agent_call_sid=AGENT, at=50.0)
    assert (step(value, asked).value.agent == AGENT) is bool(is_theirs)
    nobody = replace(value, caller_call_sid="")
    asked = replace(asked, caller_call_sid=CALLER)
    assert (step(nobody, asked).value.caller_call_sid == CALLER) is bool(is_theirs)
    known = replace(value, agent="CA-another")
    assert step(known, asked).value.agent == "CA-another"


def nobody_has_the_caller(asked: Stepped) -> Stepped:
    """Neither a transfer nor a hold lives; from here on the agent is being released."""
    (ask,) = asked.commands
    assert ask.name == "AskOwners", "before anybody is told, and before the agent goes"
    free = step(asked.value, CommandFailed(at=50.5, command=ask.name, key=ask.key, failure="gone"))
    assert [each.name for each in free.commands] == ["TellTaken", "ReleaseAgent"]
    return free


def test_transfer_that_began_meanwhile_keeps_its_agent() -> None:
    world = asked_and_settled(Rig(), "barge")
    label = world.value.supervisors[0].label
    asked = step(world.value, ModeRequested(label, "take_over", "by", at=50.0))
    (ask,) = asked.commands
    theirs = step(asked.value, CommandSucceeded(at=50.5, command=ask.name, key=ask.key))
    mine = theirs.value.supervisors[0]
    assert (mine.state, mine.reason, mine.takes_over) == (
        State.BARGING, "caller_is_theirs", False,
    )  # fmt: skip
    assert theirs.commands == ()


@pytest.mark.parametrize(("status", "state"), [
    ("connected", State.TOOK_OVER), ("ended", State.BARGING), ("", State.BARGING),
])  # fmt: skip
def test_take_over_comes_to_nothing_if_the_caller_went_before_the_agent(
    status: str, state: State
) -> None:
    world = asked_and_settled(Rig(), "barge")
    mine = world.value.supervisors[0]
    asked = nobody_has_the_caller(
        step(world.value, ModeRequested(mine.label, "take_over", "by", at=50.0))
    )
    key = asked.commands[-1].key
    caller = (LegReading(CALLER, status=status),) if status else ()
    ours, else_there = LegReading(mine.call_sid, label=mine.label), LegReading("T", label="p-t1")
    room = RoomReading("CF", legs=(ours, else_there, *caller))
    done = CommandSucceeded(at=51.0, command="ReleaseAgent", key=key, reading=room)
    after = step(asked.value, done)
    assert after.value.supervisors[0].state is state
    assert ("TellKept" in {each.name for each in after.commands}) == (state is State.BARGING)


def test_removal_whose_outcome_is_unknown_is_asked_for_again() -> None:
    """Whether the agent is gone decides who is the agent: it is not guessed. Of the same agent, who
    may have been seen to be gone since."""
    world = asked_and_settled(Rig(), "barge")
    label = world.value.supervisors[0].label
    free = nobody_has_the_caller(
        step(world.value, ModeRequested(label, "take_over", "by", at=50.0))
    )
    key = free.commands[-1].key
    gone = step(free.value, LegEnded(at=52.0, call_sid=AGENT)).value
    lost = CommandFailed(at=70.0, command="ReleaseAgent", key=key, failure="unavailable")
    again = step(gone, lost)
    assert [each.name for each in again.commands] == ["ReleaseAgent"]
    assert again.value.supervisors[0].released == AGENT
    key = again.commands[0].key
    done = step(again.value, CommandSucceeded(at=71.0, command="ReleaseAgent", key=key))
    assert done.value.supervisors[0].state is State.TOOK_OVER


def test_take_over_that_comes_to_no_end_is_given_up_and_told() -> None:
    world = asked_and_settled(Rig(), "barge")
    label = world.value.supervisors[0].label
    free = nobody_has_the_caller(
        step(world.value, ModeRequested(label, "take_over", "by", at=50.0))
    )
    due = free.value.supervisors[0].deadline_at or 0.0
    late = step(free.value, DeadlinePassed(at=due))
    mine = late.value.supervisors[0]
    assert (mine.state, mine.reason, mine.takes_over) == (
        State.BARGING, "agent_not_released", False,
    )  # fmt: skip
    assert [each.name for each in late.commands] == ["TellKept"]


def test_without_taskrouter_nobody_is_booked() -> None:
    assert [each.name for each in took_over().commands] == ["TellHolder"]


@pytest.mark.parametrize(("task", "heard"), [
    (TaskReading("WT1"), "BookedByTask"),
    (TaskReading(""), "IsNoWorker"),
    (None, "NotBooked"),
])  # fmt: skip
def test_supervisor_who_took_over_is_busy_by_a_task_of_their_own(
    task: TaskReading | None, heard: str
) -> None:
    taken = took_over(task_sid="WT0", has_taskrouter=True)
    _, book = taken.commands
    assert (book.name, taken.value.supervisors[0].task_sid) == ("BookSupervisor", "WT0")
    outcome = (
        CommandFailed(at=52.0, command=book.name, key=book.key, failure="unavailable")
        if task is None
        else CommandSucceeded(at=52.0, command=book.name, key=book.key, task=task)
    )
    after = step(taken.value, outcome)
    assert book.key not in after.value.pending
    assert after.commands == ()
    assert after.value.supervisors[0].own_task_sid == (task.task_sid if task else "")
    assert after.entries[-1].heard == heard
    check(after.value)


def test_a_machine_that_picks_up_is_hung_up_on_and_a_person_comes_in() -> None:
    rung = step(EMPTY, wish(detect_machine=True)).value
    label = rung.supervisors[0].label
    answered = step(rung, LegAnswered(at=12.0, call_sid="CA1", label=label)).value
    assert answered.supervisors[0].state is State.DIALING, "who it is is not known yet"
    person = step(answered, LegScreened(at=13.0, call_sid="CA1", label=label, willing=True))
    assert person.value.supervisors[0].state is State.SILENCING
    for before in (rung, answered, person.value):
        after = step(before, LegScreened(at=14.0, call_sid="CA1", label=label))
        mine = after.value.supervisors[0]
        assert (mine.state, mine.reason, mine.call_sid) == (State.LEAVING, "machine", "CA1")
        assert [each.name for each in after.commands] == ["EndSupervisor"]


def test_detection_may_take_longer_than_the_ring() -> None:
    rung = step(EMPTY, wish(detect_machine=True, ring_seconds=20.0)).value
    for at, state in ((69.0, State.DIALING), (70.0, State.LEAVING)):
        late = replace(rung.supervisors[0], deadline_at=at)
        after = step(rung.having(late), DeadlinePassed(at=at)).value
        assert after.supervisors[0].state is state


def test_policy_says_whether_a_whisper_follows() -> None:
    world = asked_and_settled(Rig(), "whisper")
    mine = world.value.supervisors[0]
    stays = replace(mine, policy=SupervisorPolicy(follow=Follow.MONITOR))
    for value, mode in ((world.value, Mode.WHISPER), (world.value.having(stays), Mode.MONITOR)):
        after = step(value, LegEnded(at=2.0, call_sid=AGENT)).value
        assert after.supervisors[0].state is State.SILENCING
        assert after.supervisors[0].mode is mode
        assert after.supervisors[0].heard_by_all, "nobody knows who hears a coach without an agent"


@pytest.mark.parametrize(("follow", "others", "mode"), [
    (Follow.SAME_MODE, ("CA-next",), Mode.WHISPER),
    (Follow.SAME_MODE, (), Mode.MONITOR),
    (Follow.MONITOR, ("CA-next",), Mode.MONITOR),
])  # fmt: skip
def test_whisper_whose_agent_is_followed_by_another_goes_to_that_one(
    follow: Follow, others: tuple[str, ...], mode: Mode
) -> None:
    """Seed 40606: a transfer ended as the whisper was being begun. It was refused, for an agent who
    could be whispered to when the refusal came."""
    value = listening(Rig()).value
    mine = replace(value.supervisors[0], policy=SupervisorPolicy(follow=follow))
    wished = step(value.having(mine), ModeRequested(mine.label, "whisper", "by", at=50.0))
    (whisper,) = wished.commands
    legs = (CALLER, mine.call_sid, *others)
    reading = RoomReading("CF", legs=tuple(LegReading(each) for each in legs))
    failed = CommandFailed(
        at=51.0, command=whisper.name, key=whisper.key, failure="unmet", reading=reading
    )
    after = step(wished.value, failed)
    assert (after.value.supervisors[0].state, after.value.supervisors[0].mode) == (
        State.SILENCING, mode,
    )  # fmt: skip
    assert (after.value.supervisors[0].reason == "") is (mode is Mode.WHISPER)
    silence = after.commands[0]
    done = step(
        after.value, CommandSucceeded(at=52.0, command=silence.name, key=silence.key)
    ).value.supervisors[0]
    to = State.OPENING if mode is Mode.WHISPER else State.LISTENING
    assert (done.state, done.coached == "CA-next") == (to, mode is Mode.WHISPER)


def test_room_is_read_more_often_for_who_stays_beside_the_caller() -> None:
    value = listening(Rig()).value
    stays = replace(value.supervisors[0], policy=SupervisorPolicy(consult=Consult.STAYS))
    for mine, seconds in ((value.supervisors[0], 10.0), (stays, 5.0)):
        at = mine.deadline_at or 0.0
        after = step(value.having(mine), DeadlinePassed(at=at))
        assert after.value.supervisors[0].deadline_at == at + seconds
        assert [each.name for each in after.commands] == ["ReadSupervised"]


@pytest.mark.parametrize(("mode", "caller", "age", "seconds"), [
    (Mode.WHISPER, "", 5.0, 1.0),
    (Mode.WHISPER, "", 30.0, 10.0),
    (Mode.WHISPER, CALLER, 5.0, 10.0),
    (Mode.MONITOR, "", 5.0, 10.0),
])  # fmt: skip
def test_whisper_looks_often_who_its_agent_is_while_the_call_is_new(
    mode: Mode, caller: str, age: float, seconds: float
) -> None:
    value = replace(listening(Rig()).value, caller_call_sid=caller, agent="")
    at = value.supervisors[0].deadline_at or 0.0
    mine = replace(value.supervisors[0], mode=mode, dialed_at=at - age)
    after = step(value.having(mine), DeadlinePassed(at=at))
    assert after.value.supervisors[0].deadline_at == at + seconds
    assert [each.name for each in after.commands] == ["ReadSupervised"]


def test_what_is_told_while_the_room_is_read_is_not_left_unread() -> None:
    """Seed 701569: the caller left while the room was read, and no step lay between; the supervisor
    stayed alone in the room."""
    turn, looks = Stepped(listening(Rig()).value), []
    for who in ("CA-first", CALLER, "CA-last"):
        turn = step(turn.value, LegEnded(at=2.0, call_sid=who))
        looks.append(turn.commands)
    assert [len(each) for each in looks] == [1, 1, 0], "two at once, and one that waits"
    first, second = looks[0][0], looks[1][0]
    assert first.key != second.key
    after = step(turn.value, CommandFailed(at=3.0, command=first.name, key=first.key))
    assert [each.name for each in after.commands] == ["ReadSupervised"]
    done = step(after.value, CommandFailed(at=4.0, command=second.name, key=second.key))
    assert not done.commands


def test_buttons_are_what_makes_sense() -> None:
    world = listening(Rig())
    mine = world.value.supervisors[0]
    assert allowed(world.value, mine) == ("monitor", "whisper", "barge", "take_over", "leave")
    nobody = replace(world.value, agent="")
    assert "whisper" not in allowed(nobody, mine)


@pytest.mark.parametrize(("who", "state"), [
    ("", State.LEAVING), (CALLER, State.LISTENING), (AGENT, State.LISTENING),
])  # fmt: skip
def test_supervisors_do_not_stay_in_a_room_with_nobody_else(who: str, state: State) -> None:
    value = listening(Rig()).value
    mine = value.supervisors[0]
    looks = step(value, DeadlinePassed(at=mine.deadline_at or 0.0))
    (look,) = looks.commands
    others = (LegReading(who),) if who else ()
    room = RoomReading(
        "CF", legs=(LegReading(mine.call_sid, label=mine.label, muted=True), *others)
    )
    read = CommandSucceeded(at=99.0, command=look.name, key=look.key, reading=room)
    assert step(looks.value, read).value.supervisors[0].state is state


# --- who is the agent? ----------------------------------------------------------------------------


def a_room(*legs: LegReading) -> RoomReading:
    return RoomReading("CF", legs=(LegReading(CALLER), *legs))


@pytest.mark.parametrize(("known", "legs", "agent"), [
    ("", (LegReading("A"),), "A"),
    ("A", (LegReading("A"), LegReading("B")), "A"),
    ("A", (LegReading("B"),), "B"),
    ("", (LegReading("A"), LegReading("B")), ""),
    ("A", (LegReading("A", held=True),), ""),
    ("A", (LegReading("A", held=True), LegReading("B")), "B"),
    ("A", (LegReading("B", status="ringing"),), ""),
    ("A", (LegReading("V", label="0123456789abcdef-v1"),), ""),
    ("V", (LegReading("V", label="0123456789abcdef-v1"),), "V"),
])  # fmt: skip
def test_agent_is_who_is_neither_caller_nor_supervisor(
    known: str, legs: tuple[LegReading, ...], agent: str
) -> None:
    learnt = learn(replace(EMPTY, agent=known), a_room(*legs), begun_step=1)
    assert learnt.agent == agent


def test_without_a_known_caller_nobody_is_guessed_to_be_the_agent() -> None:
    unknown = replace(EMPTY, caller_call_sid="", agent="")
    assert learn(unknown, a_room(LegReading("A")), begun_step=1).agent == ""
    named = RoomReading("CF", legs=(LegReading("C", label="caller"), LegReading("A")))
    told = RoomReading("CF", legs=(LegReading("A"), LegReading("C")), caller_call_sid="C")
    for room in (named, told):
        learnt = learn(unknown, room, begun_step=1)
        assert (learnt.caller_call_sid, learnt.agent) == ("C", "A")
    left = replace(told, legs=(LegReading("A"),))
    assert learn(unknown, left, begun_step=1).agent == "", "whom the owner names is not there"


@pytest.mark.parametrize(("others", "caller", "is_consulting"), [
    ((), "C", False),
    ((LegReading("T", label="0123456789abcdef-t1s"),), "C", True),
    ((LegReading("V", label="0123456789abcdef-v1"),), "C", False),
    ((LegReading("S"),), "", False),
])  # fmt: skip
def test_in_a_room_without_labels_the_caller_is_who_is_besides_the_agent(
    others: tuple[LegReading, ...], caller: str, is_consulting: bool
) -> None:
    unknown = replace(EMPTY, caller_call_sid="", agent="A")
    room = RoomReading("CF", legs=(LegReading("A"), LegReading("C", held=True), *others))
    learnt = learn(unknown, room, begun_step=1)
    assert (learnt.caller_call_sid, learnt.agent) == (caller, "A")
    assert learnt.is_consulting is is_consulting


def test_who_means_an_agent_that_was_released_takes_nothing_over() -> None:
    taken = took_over().value
    tom = step(taken, wish(7)).value.supervisors[-1].label
    there = step(step(taken, wish(7)).value, LegAnswered(at=60.0, call_sid="T", label=tom)).value
    stale = ModeRequested(tom, "take_over", "by", agent_call_sid=AGENT, at=61.0)
    assert step(there, stale).refusal == "taken_by_another"
    meant = replace(stale, agent_call_sid=taken.supervisors[0].call_sid)
    assert step(there, meant).refusal == "", "from the new agent it may be taken"
