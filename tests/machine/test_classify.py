"""Who is it about, and is it news? Twice, late, early, from the wrong leg."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import a_transfer, inbound, just_begun, warm
from workflows.machine.beliefs import alone
from workflows.machine.classify import Whose, hear, news_in, whose
from workflows.machine.events import (
    AgentReplaced,
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    Event,
    Failure,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegReading,
    LegScreened,
    RoomEnded,
    RoomReading,
    TaskEnded,
)
from workflows.machine.inbound import INBOUND
from workflows.machine.model import (
    Accept,
    Attempt,
    Cause,
    Kind,
    Leg,
    Party,
    Policy,
    Presence,
    ReleaseAgent,
    State,
    Target,
    Transfer,
)
from workflows.machine.step import start, step
from workflows.machine.stimuli import Stimulus

AT = 1050.0


def ringing(**changes: object) -> Transfer:
    """A warm transfer whose first target is being rung, its SID not known yet."""
    return just_begun(**changes).stall("DialTarget").silence().settle().transfer


def heard(transfer: Transfer, *events: Event) -> list[Stimulus]:
    found = []
    for event in events:
        transfer, stimulus = hear(transfer, event)
        found.append(stimulus)
    return found


def test_a_fact_said_twice_is_news_once() -> None:
    rang, answered = LegRang(at=AT, label="p-t1"), LegAnswered(at=AT, label="p-t1")
    ended = LegEnded(at=AT, label="p-t1")
    assert heard(ringing(), rang, rang, answered, answered, ended, ended) == [
        Stimulus.TARGET_RANG,
        Stimulus.NOTED,
        Stimulus.TARGET_ANSWERED,
        Stimulus.NOTED,
        Stimulus.TARGET_LEFT,
        Stimulus.NOTED,
    ]


def test_caller_whose_call_has_ended_is_gone_though_nobody_told_so() -> None:
    """Seed 4023035: a call still showed its caller as the guardian looked."""
    key = "p-2-DivertCaller"
    diverting = replace(inbound().transfer, pending=(key,))
    caller_is_unknown = replace(diverting, caller=Leg(presence=Presence.PRESENT))
    no = CommandFailed(at=AT, command="DivertCaller", key=key, failure=Failure.GONE)
    transfer, stimulus = hear(diverting, no)
    assert (transfer.caller.presence, stimulus) == (Presence.GONE, Stimulus.CALLER_UNREACHABLE)
    transfer, stimulus = hear(caller_is_unknown, no)
    assert transfer.caller.is_here
    assert stimulus is Stimulus.CALLER_NOT_DIVERTED
    # Seed 5043081: diverted for two minutes, though the room had told that the caller was gone.
    caller_is_gone = replace(diverting, caller=Leg(presence=Presence.GONE))
    assert hear(caller_is_gone, no)[1] is Stimulus.CALLER_UNREACHABLE


def test_agent_whose_taker_over_hung_up_at_once_is_known_by_address_again() -> None:
    """Seed 6006020: the agent had the caller, and was answered 404: a room's list has no addresses,
    and the supervisor's was the last that was known."""
    story = inbound().answers()
    agent = story.transfer.target
    story.hear(AgentReplaced(at=AT, call_sid="CAsue", address="client:sue", label="s"))
    story.hear(LegEnded(at=AT, call_sid="CAsue"))
    here = (
        LegReading(call_sid=story.transfer.caller.call_sid, label="caller"),
        LegReading(call_sid=agent.call_sid, label=agent.label),
    )
    key = next(each for each in story.transfer.pending if each.endswith("ReadRoom"))
    reading = RoomReading(conference_sid="CFroom", legs=here)
    done = CommandSucceeded(at=AT, command="ReadRoom", key=key, reading=reading)
    target = hear(story.transfer, done)[0].target
    assert (target.call_sid, target.address) == (agent.call_sid, agent.address)
    assert target.address


def test_agent_who_came_unheard_is_known_by_address_though_another_was_rung_since() -> None:
    """Seed 27761: of that leg there is but the label that it was dialled with."""
    story = inbound(targets=2)
    first = story.transfer.target
    story.hear(LegEnded(at=AT, label=first.label, cause="no_answer"))
    assert story.transfer.target.address != first.address
    here = (
        LegReading(call_sid=story.transfer.caller.call_sid, label="caller"),
        LegReading(call_sid="CAunheard", label=first.label),
    )
    key = "p-1-ReadRoom"
    reading = RoomReading(conference_sid="CFroom", legs=here)
    done = CommandSucceeded(at=AT, command="ReadRoom", key=key, reading=reading)
    target = hear(replace(story.transfer, pending=(key,)), done)[0].target
    assert (target.call_sid, target.address) == ("CAunheard", first.address)


def test_late_news_changes_nothing() -> None:
    answered, rang = LegAnswered(at=AT, label="p-t1"), LegRang(at=AT, label="p-t1")
    assert heard(ringing(), answered, rang) == [Stimulus.TARGET_ANSWERED, Stimulus.NOTED]
    ended = LegEnded(at=AT, label="p-t1", cause="busy")
    assert heard(ringing(), ended, answered) == [Stimulus.TARGET_LOST_LAST, Stimulus.NOTED]


def test_a_label_adopts_the_leg_before_the_dials_outcome() -> None:
    transfer, stimulus = hear(ringing(), LegAnswered(at=AT, call_sid="CAx", label="p-t1"))
    assert stimulus is Stimulus.TARGET_ANSWERED
    assert transfer.target.call_sid == "CAx"
    assert transfer.attempts[0].call_sid == "CAx"


def test_an_older_dials_outcome_is_not_put_down_to_the_next_attempt() -> None:
    story = just_begun(targets=2).stall("DialTarget").settle()
    first = next(job.key for job in story.lines.jobs if job.command == "DialTarget")
    story.hear(LegEnded(at=AT, label="p-t1", cause="busy"))
    assert story.transfer.target.label == "p-t2"
    story.hear(CommandSucceeded(at=AT, command="DialTarget", key=first, call_sid="CAold"))
    assert story.transfer.target.call_sid == ""
    assert story.transfer.attempts[0].call_sid == "CAold"


def test_another_leg_under_our_label_is_a_stray() -> None:
    transfer, _ = hear(ringing(), LegRang(at=AT, call_sid="CAx", label="p-t1"))
    assert whose(transfer, "CAother", "p-t1") is Whose.STRAY
    assert heard(transfer, LegAnswered(at=AT, call_sid="CAother", label="p-t1")) == [
        Stimulus.STRAY_LEG
    ]


def test_a_leg_of_an_earlier_attempt_is_a_stray_while_it_lives() -> None:
    transfer = warm(targets=2).hangs_up("t1", "busy").transfer
    assert transfer.target.label == "p-t2"
    assert heard(transfer, LegAnswered(at=AT, call_sid="CAt1")) == [Stimulus.STRAY_LEG]
    assert heard(transfer, LegEnded(at=AT, call_sid="CAt1")) == [Stimulus.NOTED]
    assert heard(transfer, LegJoined(at=AT, label="p-t7")) == [Stimulus.STRAY_LEG]


def test_strangers_are_told_apart() -> None:
    assert whose(ringing(), "CAnobody", "somebody") is Whose.STRANGER
    assert heard(ringing(), LegJoined(at=AT, call_sid="CAnobody")) == [Stimulus.NOTED]
    assert heard(ringing(), LegEnded(at=AT, call_sid="CAnobody")) == [Stimulus.STRANGER_LEFT]


def test_a_target_in_another_room_has_not_come() -> None:
    event = LegJoined(at=AT, label="p-t1", conference_sid="CFother")
    transfer, stimulus = hear(ringing(), event)
    assert stimulus is Stimulus.TARGET_UNWILLING
    assert transfer.attempts[0].cause is Cause.FAILED


def test_another_rooms_end_is_nothing_to_us() -> None:
    assert heard(ringing(), RoomEnded(at=AT, conference_sid="CFother")) == [Stimulus.NOTED]
    assert heard(ringing(), RoomEnded(at=AT)) == [Stimulus.ROOM_ENDED]


def test_joining_is_no_acceptance_while_a_machine_may_answer() -> None:
    """The leg is in the room before Twilio knows who picked up."""
    events = (
        LegJoined(at=AT, label="p-t1"),
        LegAnswered(at=AT, label="p-t1"),
        LegScreened(at=AT, label="p-t1", willing=True),
    )
    assert heard(ringing(detect_machine=True), *events) == [
        Stimulus.TARGET_PICKED_UP,
        Stimulus.NOTED,
        Stimulus.TARGET_ANSWERED,
    ]


def test_pressing_1_counts_when_the_leg_joins() -> None:
    events = (
        LegAnswered(at=AT, label="p-t1s"),
        LegScreened(at=AT, label="p-t1s", willing=True),
        LegJoined(at=AT, label="p-t1s", conference_sid="CFroom"),
    )
    assert heard(ringing(accept=Accept.PRESS_1), *events) == [
        Stimulus.TARGET_PICKED_UP,
        Stimulus.NOTED,
        Stimulus.TARGET_ANSWERED,
    ]


def test_an_unwilling_person_is_no_machine() -> None:
    event = LegScreened(at=AT, label="p-t1s", cause="rejected")
    transfer, stimulus = hear(ringing(accept=Accept.PRESS_1), event)
    assert (stimulus, transfer.attempts[0].cause) == (Stimulus.TARGET_UNWILLING, Cause.REJECTED)


def test_an_old_deadline_is_late_news() -> None:
    transfer = ringing()
    assert heard(transfer, DeadlinePassed(at=AT, step=transfer.deadline_step)) == [
        Stimulus.DEADLINE
    ]
    assert heard(transfer, DeadlinePassed(at=AT, step=transfer.deadline_step - 1)) == [
        Stimulus.NOTED
    ]


def test_an_outcome_that_nobody_awaits_is_noted() -> None:
    event = CommandSucceeded(at=AT, command="HoldCaller", key="p-99-HoldCaller")
    assert heard(ringing(), event) == [Stimulus.NOTED]


def test_only_the_last_word_about_a_hold_decides() -> None:
    story = warm().stall().asks("swap").asks("swap")
    resume, hold = (job.key for job in story.lines.jobs)
    assert heard(
        story.transfer,
        CommandSucceeded(at=AT, command="ResumeCaller", key=resume),
        CommandSucceeded(at=AT, command="HoldCaller", key=hold),
    ) == [Stimulus.NOTED, Stimulus.CALLER_HELD]


def test_a_hold_without_an_answer_is_doubted() -> None:
    story = warm().stall().asks("swap")
    event = CommandFailed(at=AT, command="ResumeCaller", key=story.lines.jobs[0].key)
    transfer, stimulus = hear(story.transfer, event)
    assert stimulus is Stimulus.CALLER_NOT_RESUMED
    assert transfer.caller.is_hold_doubtful


def test_gone_may_mean_the_room() -> None:
    story = warm().stall().asks("swap")
    gone = CommandFailed(
        at=AT, command="ResumeCaller", key=story.lines.jobs[0].key, failure=Failure.GONE
    )
    over = replace(gone, reading=RoomReading(is_live=False))
    assert heard(story.transfer, gone) == [Stimulus.CALLER_LEFT]
    assert heard(story.transfer, over) == [Stimulus.ROOM_ENDED]


@pytest.mark.parametrize("release", ReleaseAgent)
def test_a_cold_transfer_lets_go_once(release: ReleaseAgent) -> None:
    story = just_begun(Kind.COLD, policy=Policy(release_agent=release)).silence().flows()
    begun = [name for entry in story.transfer.journal for name in entry.began]
    assert begun.count("LetAgentGo") == (release is ReleaseAgent.ON_DIAL)


def test_the_ladder_goes_down() -> None:
    one = replace(a_transfer(targets=1), recalls=0)
    assert alone(one, AT) is Stimulus.ALONE_NEXT
    late = one.started_at + one.policy.budget_seconds
    assert alone(one, late) is Stimulus.ALONE_RECALL
    assert alone(replace(one, state=State.CANCELLING), AT) is Stimulus.ALONE_RECALL
    assert alone(replace(one, recalls=1), late) is Stimulus.ALONE_DIVERT
    assert alone(replace(one, policy=Policy(recall=False)), late) is Stimulus.ALONE_DIVERT


def test_a_list_proves_who_has_gone_but_not_who_has_just_come() -> None:
    """A reading may have been taken before the target joined."""
    transfer, _ = hear(ringing(), LegAnswered(at=AT, call_sid="CAt1", label="p-t1"))
    here = (
        LegReading(call_sid="CAcaller", held=True),
        LegReading(call_sid="CAagent"),
    )
    reading = RoomReading(conference_sid="CFroom", legs=here)
    gone = LegEnded(at=AT + 60, call_sid="CAt1")
    assert gone not in news_in(transfer, reading, AT + 1, is_thorough=False)
    assert gone in news_in(transfer, reading, AT + 60, is_thorough=False)
    assert LegEnded(at=AT, call_sid="CAt1") in news_in(transfer, reading, AT, is_thorough=True)


def test_a_reading_tells_what_callbacks_did_not() -> None:
    transfer, _ = hear(ringing(), LegRang(at=AT, call_sid="CAt1", label="p-t1"))
    for status, label, news in (
        ("ringing", "p-t1", LegRang(at=AT, call_sid="CAt1")),
        ("connected", "p-t1", LegJoined(at=AT, call_sid="CAt1")),
        ("connected", "", LegAnswered(at=AT, call_sid="CAt1")),
        ("ended", "p-t1", LegEnded(at=AT, call_sid="CAt1", cause="busy")),
    ):
        leg = LegReading(call_sid="CAt1", label=label, status=status, cause="busy")
        reading = RoomReading(conference_sid="CFroom", legs=(leg,))
        assert news_in(transfer, reading, AT, False, (Party.TARGET,)) == (news,)
    over = RoomReading(conference_sid="CFroom", is_live=False)
    assert news_in(transfer, over, AT, False) == (RoomEnded(at=AT, conference_sid="CFroom"),)


def test_the_claim_tells_who_is_who() -> None:
    transfer = just_begun().transfer
    transfer = replace(transfer, agent=replace(transfer.agent, call_sid=""))
    reading = RoomReading(
        room_name="support-7",
        legs=(
            LegReading(call_sid="CAcaller", address="a caller", held=True, exit_flag=True),
            LegReading(call_sid="CA7", address="client:agent", exit_flag=True),
        ),
    )
    done = CommandSucceeded(at=AT, command="SecureCaller", key=transfer.pending[0], reading=reading)
    transfer, stimulus = hear(transfer, done)
    assert stimulus is Stimulus.CALLER_HELD
    assert (transfer.agent.call_sid, transfer.room_name) == ("CA7", "support-7")
    assert transfer.caller.exit_flag
    assert transfer.agent.presence is Presence.PRESENT


def test_worker_whom_taskrouter_found_is_known_by_address() -> None:
    """Whoever took the call from a queue may act on it next, so the engine learns who it is."""
    label = "ab" * 8 + "-t1s"
    transfer = Transfer(
        kind=Kind.COLD,
        part="ab" * 8,
        conference_sid="CF" + "1" * 32,
        caller=Leg(call_sid="CAc", presence=Presence.PRESENT, held=True),
        agent=Leg("client:alice", "CAa", presence=Presence.PRESENT),
        target=Leg("queue:Support", label=label, presence=Presence.DIALED),
        targets=(Target("queue:Support"),),
        policy=Policy(),
        attempts=(Attempt(1, "queue:Support", label, 1.0),),
        started_at=0.0,
        since=0.0,
        state=State.DIALING,
    )
    fact = LegAnswered(at=2.0, call_sid="CAw", label=label, address="client:bob")
    after, stimulus = hear(transfer, fact)
    assert stimulus is Stimulus.TARGET_COMING
    assert (after.target.address, after.target.call_sid) == ("client:bob", "CAw")
    passed_on, stimulus = hear(after, LegEnded(at=3.0, call_sid="CAw", label=label, cause="busy"))
    assert stimulus is Stimulus.TARGET_PASSED_ON
    assert passed_on.target.is_live
    over, stimulus = hear(passed_on, TaskEnded(at=9.0, label=label, cause="no_answer"))
    assert stimulus is Stimulus.TARGET_LOST_LAST
    assert not over.target.is_live


@pytest.mark.parametrize("is_answered", [True, False])
def test_the_end_of_an_earlier_leg_says_nothing_about_the_next_one(is_answered: bool) -> None:
    value = start(INBOUND, a_transfer(Kind.INBOUND, targets=2)).transfer
    (dial,) = value.pending
    value = step(INBOUND, value, CommandSucceeded(AT, "DialTarget", dial, call_sid="CA1")).transfer
    ended = replace(value.target, call_sid="CA1")
    value = step(INBOUND, value, LegScreened(AT, "CA1", ended.label, willing=False)).transfer
    (end,) = (key for key in value.pending if key.endswith("EndTarget"))
    value = step(INBOUND, value, LegEnded(AT, "CA1", ended.label)).transfer
    assert (value.state, value.target.label) == (State.AWAITING, "p-t2")
    last = (
        CommandSucceeded(AT, "EndTarget", end)
        if is_answered
        else CommandFailed(AT, "EndTarget", end, Failure.UNAVAILABLE)
    )
    after = step(INBOUND, value, last).transfer
    assert (after.state, after.target.label) == (State.AWAITING, "p-t2")
    assert after.target.is_live
