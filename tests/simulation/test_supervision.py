"""Stories of supervisors that bad days have brought to light, and some that misled the checker."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from simulator.core.phones import Behavior
from tests.simulation.ears import Ears
from tests.simulation.faults import Act, After, Entered, Fault, Moment, Request, Told
from tests.simulation.play import Outcome, Story, play
from tests.simulation.scenarios import plain
from tests.simulation.simulate import be_quiet


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def a_call(**changes: object) -> Story:
    """Caller and agent talk for half a minute, and nobody transfers anything."""
    story = replace(plain("held"), scenario="supervised", has_transfer=False, talk_seconds=30.0)
    people = (("agent", (Behavior("answer", 1.0),)), ("supervisor", (Behavior("answer", 2.0),)))
    return replace(story, acts=(), phones=people, **changes)  # type: ignore[arg-type]


def with_phone(story: Story, who: str, behavior: Behavior) -> Story:
    """The story with another phone of `who`."""
    others = tuple(each for each in story.phones if each[0] != who)
    return replace(story, phones=(*others, (who, (behavior,))))


RINGS_LONG = Behavior("answer", 7.0)


def joins(at: Moment, mode: str = "monitor") -> Act:
    """The supervisor asks to join."""
    return Act(at, "supervisor", "supervise", mode)


def test_supervision_that_dialled_into_an_outage_ends_with_its_call() -> None:
    """Seed 226205: the dial was looked for by a command that began seconds before the dial could
    not take effect any more, and went on for two minutes."""
    outage = Fault(Request("*", 2, 0.15), "twilio_down", 7.9)
    outcome = play(a_call(), acts=[joins(Request("*", 2, 0.17))], faults=[outage])
    assert outcome.violations == []


def test_cry_for_help_on_a_call_that_is_over_does_not_stay_open() -> None:
    """The transfer was still being closed, and the agent who had started it, and had left, asked
    for a supervisor, who would have had ten minutes to come."""
    story = replace(plain("warm"), talk_seconds=8.0)
    acts = [
        Act(Request("*", 3, 1.95), "caller", "hang_up"),
        Act(Entered("releasing", plus=0.05), "agent", "ask_help"),
    ]
    late = Fault(Request("*", 1), "unreachable")
    outcome = play(story, acts=acts, faults=[late], seed=300288, with_ladder=True)
    assert outcome.violations == []
    assert told(outcome, "not_on_call")


def test_end_of_a_whisper_is_no_breach_when_a_new_join_is_refused() -> None:
    """Seed 302076: the whisper was under way at Twilio when the supervisor asked to leave, and
    whoever is on the way out cannot join. Nothing else was asked of that leg."""
    acts = [
        joins(After(0.1)),
        Act(Entered("v1 silencing"), "supervisor", "whisper"),
        Act(Entered("v1 opening"), "supervisor", "leave"),
        joins(Entered("v1 leaving", plus=0.1)),
    ]
    outcome = play(a_call(), acts=acts, with_ladder=True)
    assert outcome.violations == []
    assert told(outcome, "supervises_already")


def test_of_two_modes_that_are_asked_for_at_once_either_may_be_in_effect() -> None:
    """Seed 322495: the newer request was heard first, and its answer was taken for the last
    word. What is asked for after an answer has that order."""
    done = SimpleNamespace(is_ok=True, status=200, code="")
    ears = Ears(SimpleNamespace(moved=lambda: None))
    barge, monitor = (ears.asked("sue", verb) for verb in ("barge", "monitor"))
    ears.answered("sue", barge, done)
    ears.answered("sue", monitor, done)
    assert ears.wishes["sue"].may == {"barge", "monitor"}
    ears.answered("sue", ears.asked("sue", "monitor"), done)
    assert ears.wishes["sue"].may == {"monitor"}


def test_each_worker_of_one_task_has_a_leg_of_their_own() -> None:
    """Seed 205499: also before the answer about the task has come."""
    lost = Fault(Request("tasks.create", 1), "timeout_after")
    story = with_phone(plain("worker"), "target", Behavior("busy"))
    assert play(story, faults=[lost]).violations == []


def test_agent_who_left_while_the_phone_rang_may_be_removed_after_it_was_answered() -> None:
    """Seed 205580: the target picked up, the caller came off hold, the target hung up, and then
    came the removal that had been asked for before all that."""
    brief = Behavior("answer_then_hangup", 1.2, hangup_after_seconds=0.06)
    story = with_phone(plain("warm-next"), "target", brief)
    story = with_phone(story, "second", Behavior("unreachable"))
    outcome = play(story, acts=[Act(Told("answered", 2, 0.03), "agent", "complete")])
    assert outcome.violations == []


@pytest.mark.parametrize("seconds", [2.0, 2.2, 2.4])
def test_agent_who_left_as_the_supervision_began_is_no_finding(seconds: float) -> None:
    """Seed 716470: nobody was there yet to be told (L4)."""
    story = replace(plain("cold"), talk_seconds=seconds)
    story = with_phone(with_phone(story, "target", RINGS_LONG), "supervisor", RINGS_LONG)
    story = replace(story, policy=(*story.policy, ("release_agent", "on_ringing")))
    outcome = play(story, acts=[joins(Entered("awaiting", plus=0.3), "whisper")])
    assert outcome.violations == []


def test_supervisor_who_came_before_the_calls_people_were_known_is_heard_and_takes_over() -> None:
    """Seed 900652: the whisper never began, and the take-over ended the task of an agent whom it
    did not know, and who stayed."""
    story = with_phone(plain("worker"), "supervisor", Behavior("answer", 1.0))
    acts = [
        joins(Told("conference-*", 1, 0.14), "whisper"),
        Act(Entered("v1 listening", plus=1.0), "supervisor", "whisper"),
        Act(Entered("v1 whispering", plus=1.0), "supervisor", "take_over"),
    ]
    story = replace(story, has_transfer=False, talk_seconds=12.0)
    outcome = play(story, acts=acts, with_ladder=True)
    assert outcome.violations == []
    assert told(outcome, "v1 took_over")


@pytest.mark.parametrize("seconds", [0.08, 0.14, 0.3, 0.6])
def test_whisper_begins_by_itself_once_the_calls_people_are_known(seconds: float) -> None:
    """The supervision of a call of TaskRouter's began before anybody knew who is who, and listened
    until asked once more."""
    story = with_phone(plain("worker"), "supervisor", Behavior("answer", 1.0))
    story = replace(story, has_transfer=False, talk_seconds=6.0)
    acts = [joins(Told("conference-*", 1, seconds), "whisper")]
    outcome = play(story, acts=acts, with_ladder=True)
    assert outcome.violations == []
    assert told(outcome, "v1 whispering")


def test_whisper_is_refused_at_once_while_only_a_phone_rings() -> None:
    """Seed 920577: the agent had left, and the target was to hear it before it had picked up."""
    story = with_phone(plain("cold"), "target", RINGS_LONG)
    story = with_phone(story, "supervisor", Behavior("answer", 0.5))
    story = replace(story, policy=(*story.policy, ("release_agent", "on_ringing")))
    whisper = Act(Entered("awaiting", plus=2.0), "supervisor", "whisper")
    acts = [joins(After(0.5)), whisper]
    outcome = play(replace(story, talk_seconds=3.0), acts=acts, with_ladder=True)
    assert outcome.violations == []
    assert told(outcome, "coach_target_unavailable")
    assert not told(outcome, "v1 opening")


def told(outcome: Outcome, word: str) -> bool:
    """Whether the ladder has the word."""
    return any(word in line for line in outcome.ladder)
