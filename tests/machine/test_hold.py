"""The agent's hold, played: the agent forgets, hangs up, is rung back; the caller does not wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.machine.harness import (
    Story,
    a_transfer,
    assert_no_one_left_over,
    assert_talking,
    assert_waiting,
)
from tests.machine.switchboard import Line
from workflows.machine.events import (
    NOBODY,
    AgentReplaced,
    CancellationRequested,
    CommandSucceeded,
    HoldFound,
    HoldReported,
    LegReading,
    OwnerEnded,
    OwnerSought,
    RoomReading,
    TransferStarted,
)
from workflows.machine.model import HoldLimit, Kind, Policy, Reason, State
from workflows.machine.step import step

SUE_LABEL = "0123456789abcdef-v1"


def hold(*beside: str, **policy: Any) -> Story:
    """The agent puts the caller on hold; `beside` are other workflows of the call that live."""
    story = Story(a_transfer(Kind.HOLD, targets=0, policy=Policy(**policy)))
    story.lines = story.lines._replace(alive=frozenset(beside))
    return story.settle()


def test_agent_resumes() -> None:
    story = hold().is_in(State.HELD)
    assert_waiting(story)
    assert not story.line("agent").exit_flag, "the agent's hang-up must not end the room"
    story.asks("resume").ended(State.RESUMED, Reason.RESUMED_BY_AGENT, by="agent")
    assert_talking(story, "caller", "agent")
    assert story.line("agent").exit_flag, "as it was before"
    assert_no_one_left_over(story)


def test_operator_who_cancels_a_hold_resumes() -> None:
    story = hold().is_in(State.HELD)
    assert story.refuses("complete")
    story.hear(CancellationRequested(at=story.at, by="operator"))
    story.settle().ended(State.RESUMED, Reason.RESUMED_BY_AGENT, by="operator")


def test_agent_is_reminded_and_then_has_the_caller_back() -> None:
    story = hold(hold_seconds_max=1800.0, hold_reminder_seconds=60.0)
    story.waits(1735).is_in(State.HELD).waits(10).is_in(State.REMINDED)
    assert_waiting(story)
    story.waits(60).ended(State.RESUMED, Reason.HOLD_TIMEOUT, by="deadline")
    assert_talking(story, "caller", "agent")
    assert 1799 < story.transfer.hold_seconds < 1802


def test_maximum_may_lead_to_the_apology() -> None:
    story = hold(at_hold_max=HoldLimit.RECOVER).waits(1805)
    story.ended(State.DIVERTED, Reason.HOLD_TIMEOUT)
    assert story.line("agent").status == "gone", "nobody is left alone in a room"
    assert story.line("caller").status == "diverted"
    assert_no_one_left_over(story)


def test_agent_who_left_as_the_caller_was_diverted_needs_no_end_of_the_room() -> None:
    story = hold(at_hold_max=HoldLimit.RECOVER).stall("DivertCaller").waits(1805)
    story.is_in(State.DIVERTING).hangs_up("agent").flows()
    story.ended(State.DIVERTED, Reason.HOLD_TIMEOUT)
    assert "EndRoom" not in {each for entry in story.transfer.journal for each in entry.began}


def test_notices_move_neither_reminder_nor_maximum() -> None:
    story = hold(hold_seconds_max=100.0, hold_reminder_seconds=20.0, hold_notice_seconds=30.0)
    story.waits(200).ended(State.RESUMED, Reason.HOLD_TIMEOUT)
    begun = [
        (round(entry.at - 1000), each)
        for entry in story.transfer.journal
        for each in entry.began
        if each in ("NotifyCaller", "RemindAgent")
    ]
    assert begun == [(30, "NotifyCaller"), (60, "NotifyCaller"), (80, "RemindAgent")]
    assert 99 < story.transfer.hold_seconds < 102


def test_agent_hangs_up_and_is_rung_back() -> None:
    story = hold().hangs_up("agent").is_in(State.RECALLING)
    assert_waiting(story)
    story.answers("r1").ended(State.RESUMED, Reason.AGENT_HUNG_UP)
    assert_talking(story, "caller", "r1")
    assert_no_one_left_over(story)


def test_agent_who_is_not_to_be_had_leaves_the_apology() -> None:
    story = hold().hangs_up("agent").hangs_up("r1", cause="busy")
    story.ended(State.DIVERTED, Reason.AGENT_HUNG_UP)
    assert_no_one_left_over(story)


def test_agent_who_does_not_answer_leaves_the_apology() -> None:
    story = hold().hangs_up("agent").waits(40)
    story.ended(State.DIVERTED, Reason.AGENT_HUNG_UP)
    assert_no_one_left_over(story)


def test_agent_hangs_up_while_the_hold_is_being_made() -> None:
    """The exit flag is off already, the caller's hold is on its way."""
    story = Story(a_transfer(Kind.HOLD, targets=0)).stall("SecureCaller").settle()
    caller, agent = story.lines.lines
    story.lines = story.lines._replace(lines=(caller, agent._replace(exit_flag=False)))
    story.hangs_up("agent").flows().is_in(State.RECALLING)
    story.answers("r1").ended(State.RESUMED, Reason.AGENT_HUNG_UP)


def test_agent_hangs_up_while_the_caller_is_being_taken_off_hold() -> None:
    story = hold().stall("GiveCallerBack").asks("resume").is_in(State.RESUMING)
    story.hangs_up("agent").flows().is_in(State.RECALLING)
    assert_waiting(story)


def test_caller_hangs_up_and_the_room_ends() -> None:
    story = hold().hangs_up("caller").ended(State.ABANDONED, Reason.CALLER_HUNG_UP, by="caller")
    assert story.line("agent").status == "gone"


def test_look_that_outlasts_the_caller_does_not_delay_the_end() -> None:
    """Its answer is of a moment in which the caller was there, and comes last of all."""
    story = hold(at_hold_max=HoldLimit.RECOVER).stall("ReadRoom").waits(1800)
    (key,) = story.is_in(State.CHECKING).transfer.pending
    legs = tuple(
        LegReading(call_sid=f"CA{line.name}", held=line.held) for line in story.lines.lines
    )
    story.hangs_up("caller").is_in(State.RELEASING)
    told = CommandSucceeded(
        at=story.at, key=key, command="ReadRoom", reading=RoomReading(legs=legs)
    )
    story.hear(told)
    story.ended(State.ABANDONED, Reason.CALLER_HUNG_UP)


def test_room_of_a_call_with_an_owner_is_ended_by_that_owner() -> None:
    story = hold("call").hangs_up("caller").ended(State.ABANDONED, Reason.CALLER_HUNG_UP)
    assert "EndRoom" not in {each for entry in story.transfer.journal for each in entry.began}


def test_room_that_ends_by_itself_leaves_the_caller_the_apology() -> None:
    hold().room_ends().ended(State.DIVERTED, Reason.CALL_ENDED)


def test_hold_that_cannot_be_had_gives_the_caller_back() -> None:
    story = Story(a_transfer(Kind.HOLD, targets=0)).fails("SecureCaller", "lost").settle()
    story.ended(State.RESUMED, Reason.CALLER_NOT_HELD)
    assert_talking(story, "caller", "agent")


def test_unhold_that_fails_is_asked_for_and_tried_again() -> None:
    story = hold().fails("GiveCallerBack").asks("resume")
    story.ended(State.RESUMED, Reason.RESUMED_BY_AGENT)
    asked = [each for entry in story.transfer.journal for each in entry.began]
    assert asked.count("AskTransfer") == 2, "each un-hold is asked for first"


def sue_took_over(story: Story, former: str = "CAagent") -> None:
    """A supervisor is the agent now; the one before is out of the room, or, without a `former`,
    about to leave it."""
    story.lines = story.lines._replace(
        lines=(*story.lines.lines, Line("sue", SUE_LABEL, status="in"))
    )
    story.hear(
        AgentReplaced(
            at=story.at,
            call_sid="CAsue",
            label=SUE_LABEL,
            address="client:sue",
            former=former,
        )
    )


def test_hold_that_begins_as_a_supervisor_takes_over_is_theirs() -> None:
    story = hold()
    sue_took_over(story)
    story.settle().hangs_up("agent").is_in(State.HELD)
    assert story.transfer.agent.address == "client:sue"
    story.asks("resume").ended(State.RESUMED, Reason.RESUMED_BY_AGENT)
    assert_talking(story, "caller", "sue")


def test_hold_that_heard_first_that_its_agent_left_gives_the_caller_to_the_supervisor() -> None:
    """Not to the apology, and nobody's phone is rung."""
    story = hold().stall("ReadRoom").hangs_up("agent").is_in(State.CHECKING)
    sue_took_over(story)
    story.flows().ended(State.RESUMED, Reason.AGENT_HUNG_UP)
    assert_talking(story, "caller", "sue")
    assert "RecallAgent" not in {each for entry in story.transfer.journal for each in entry.began}


def test_hold_that_is_told_before_its_agent_goes_rings_nobody() -> None:
    story = hold()
    sue_took_over(story, former="")
    assert story.transfer.agent.call_sid == "CAagent", "as long as the agent is there"
    story.settle().hangs_up("agent").is_in(State.HELD)
    assert story.transfer.agent.address == "client:sue"
    story.asks("resume").ended(State.RESUMED, Reason.RESUMED_BY_AGENT)
    assert_talking(story, "caller", "sue")


def test_hold_of_an_agent_who_is_gone_already_leaves_the_caller_with_the_supervisor() -> None:
    """The take-over is through, the supervision over, and nobody is left to tell of it: whoever is
    heard by all in a room without agent and supervision has taken the call over."""
    story = Story(a_transfer(Kind.HOLD, targets=0)).stall("SecureCaller")
    sue = Line("sue", SUE_LABEL, status="in")
    story.lines = story.lines._replace(
        lines=(story.lines.caller, story.lines.agent._replace(exit_flag=False), sue)
    )
    story.hangs_up("agent").is_in(State.RECALLING)
    story.flows().ended(State.RESUMED, Reason.AGENT_HUNG_UP)
    assert_talking(story, "caller", "sue")
    assert story.line("r1").status == "gone"


def test_take_over_that_came_to_nothing_leaves_the_hold_its_agent() -> None:
    story = hold()
    sue_took_over(story, former="")
    story.hear(AgentReplaced(at=story.at, call_sid="CAagent"))
    assert not story.transfer.heir.is_live
    story.settle().hangs_up("agent").is_in(State.RECALLING)


@pytest.mark.parametrize("is_dialled", [True, False])
def test_hold_that_rings_its_agent_already_lets_the_phone_fall_silent(is_dialled: bool) -> None:
    """The caller is with the supervisor, whether or not the recall's dial has been answered."""
    story = hold() if is_dialled else hold().stall("RecallAgent")
    story.hangs_up("agent").is_in(State.RECALLING)
    sue_took_over(story)
    story.flows().ended(State.RESUMED, Reason.AGENT_HUNG_UP)
    assert_talking(story, "caller", "sue")
    assert story.line("r1").status == "gone"


@pytest.mark.parametrize("state", [State.HELD, State.REMINDED, State.RECALLING])
def test_transfer_takes_the_hold_over_untouched(state: State) -> None:
    story = hold()
    if state is State.REMINDED:
        story.waits(1745)
    if state is State.RECALLING:
        story.hangs_up("agent")
    before = story.is_in(state).lines.caller
    story.hear(TransferStarted(at=story.at))
    story.settle().ended(State.TAKEN_OVER, Reason.TAKEN_OVER)
    assert story.lines.caller == before


def test_hold_that_finds_a_transfer_waits_for_its_word() -> None:
    story = hold("transfer").is_in(State.YIELDING)
    assert story.refuses("resume") == "a transfer of this call is under way"
    story.hear(TransferStarted(at=story.at))
    story.settle().ended(State.TAKEN_OVER, Reason.TAKEN_OVER)
    assert_waiting(story)


@pytest.mark.parametrize("agent", [NOBODY, "CAagent", "CAr1", ""])
def test_agent_rung_back_is_let_go_if_the_transfer_does_not_know_them(agent: str) -> None:
    """Seed 710928: the transfer knew only the leg of the agent's that had left, and the one that
    was rung back heard caller and target to the end of the call."""
    story = hold().hangs_up("agent").is_in(State.RECALLING)
    story.lines = story.lines._replace(alive=frozenset({"transfer"}))
    story.answers("r1").is_in(State.YIELDING)
    story.hear(TransferStarted(at=story.at, agent=agent))
    story.settle().ended(State.TAKEN_OVER, Reason.TAKEN_OVER)
    is_unknown = agent in (NOBODY, "CAagent")
    assert story.line("r1").status == ("gone" if is_unknown else "in")


def test_hold_goes_on_when_the_transfer_ended_without_the_caller() -> None:
    story = hold("transfer").is_in(State.YIELDING)
    story.lines = story.lines._replace(alive=frozenset())
    story.waits(30).ended(State.RESUMED, Reason.TAKEN_OVER)
    assert_talking(story, "caller", "agent")


def test_caller_found_off_hold_is_held_again() -> None:
    story = hold()
    story.lines = story.lines._replace(
        lines=(story.lines.caller._replace(held=False), *story.lines.lines[1:])
    )
    story.hear(HoldFound(at=story.at, call_sid="CAcaller", held=False))
    assert_waiting(story.settle().is_in(State.HELD))


def test_words_that_are_not_for_a_hold_change_nothing() -> None:
    story = hold()
    before = story.transfer
    words = (HoldReported(at=1.0), HoldReported(at=1.0, hold="off"), OwnerSought(at=1.0))
    for word in (*words, OwnerEnded(at=1.0)):
        story.hear(word)
    assert replace(story.transfer, journal=(), step=0) == replace(before, journal=(), step=0)


def test_call_that_asked_for_the_hold_hears_of_its_end() -> None:
    """Its last decision is made, and somebody may leave before its last word is said."""
    story = hold().is_in(State.HELD).stall("ReportHold").asks("resume").is_in(State.RESUMED)
    story.hear(OwnerSought(at=story.at, by="call"))
    (report,) = story.transfer.pending
    reported = CommandSucceeded(story.at, "ReportHold", report)
    last = step(story.table, story.transfer, reported)
    assert [each.name for each in last.commands] == ["TellCall"]
    told = CommandSucceeded(story.at, "TellCall", last.commands[0].key)
    assert not step(story.table, last.transfer, told).transfer.pending


def test_hold_for_which_nobody_asked_has_no_last_word() -> None:
    story = hold().is_in(State.HELD).asks("resume").ended(State.RESUMED, Reason.RESUMED_BY_AGENT)
    assert "TellCall" not in {each for entry in story.transfer.journal for each in entry.began}
    assert not story.transfer.pending
