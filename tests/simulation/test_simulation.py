"""The simulation itself: plain stories end as they should, a seed repeats, bad days stay clean."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from simulator.core.phones import Behavior
from tests.simulation.clock import START, NothingLeftError, VirtualLoop
from tests.simulation.faults import Act, Entered, Fault, Request, Told
from tests.simulation.goals import GOALS, LONG, SHORT, missing
from tests.simulation.play import Outcome, play
from tests.simulation.scenarios import SCENARIOS, plain, story_of
from tests.simulation.simulate import be_quiet, main, some
from tests.simulation.tape import Tape
from workflows.shell import Shell

ROOT = Path(__file__).parents[2]
PLAIN = {
    "warm": {("completed", "completed"), ("cancelled", "cancelled_by_agent"),
             ("cancelled", "target_dropped_by_agent")},
    "warm-next": {("completed", "completed")},
    "blond": {("completed", "completed")},
    "cold": {("completed", "completed")},
    "cold-next": {("completed", "completed")},
    "screened": {("failed", "target_rejected"), ("failed", "target_no_answer")},
    "machine": {("completed", "completed")},
    "worker": {("completed", "completed")},
    "queue": {("completed", "completed")},
}  # fmt: skip
"""How each scenario ends when everybody picks up and nothing goes wrong."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def test_the_virtual_loop_goes_to_the_next_moment_at_once() -> None:
    loop = VirtualLoop()
    loop.run_until_complete(asyncio.sleep(3600.0))
    assert loop.time() == pytest.approx(START + 3600.0, abs=0.001)
    with pytest.raises(NothingLeftError):
        loop.run_until_complete(loop.create_future())
    loop.close()


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name in PLAIN])
def test_on_a_quiet_day_a_call_ends_as_it_should(name: str) -> None:
    outcome = play(plain(name))
    assert outcome.violations == []
    assert (outcome.state, outcome.reason) in PLAIN[name]


def test_a_seed_repeats_to_the_last_request() -> None:
    first, again = play(story_of(7), with_ladder=True), play(story_of(7), with_ladder=True)
    assert first.ladder == again.ladder
    assert first.requests == again.requests
    assert first.steps == again.steps
    assert play(story_of(8), with_ladder=True).ladder != first.ladder


def test_a_worker_that_dies_is_followed_by_one_that_replays() -> None:
    crash = Fault(Entered("consulting", plus=1.0), "worker_crash", 0.5)
    outcome = play("cold", faults=[Fault(Entered("dialing", plus=1.0), "worker_crash", 0.5)])
    assert outcome.violations == []
    assert outcome.replays >= 1
    assert outcome.state == "completed"
    assert str(crash) == "worker_crash for 0.50 s in consulting and 1.00 s"


@pytest.mark.parametrize("kind", ["timeout_after", "reset_after", "500_after"])
def test_a_dial_whose_answer_is_lost_is_found_again(kind: str) -> None:
    # The first create rings the agent, the second the target.
    outcome = play("cold", faults=[Fault(Request("participants.create", 2), kind)])
    assert outcome.violations == []
    assert [name for name, _ in outcome.requests].count("participants.create") == 2
    assert outcome.goals["create applied, answer lost"] == 1


def test_a_callback_told_twice_changes_nothing() -> None:
    usual = play("cold")
    doubled = play("cold", faults=[Fault(Told("*", k), "double", 0.01) for k in range(1, 30)])
    assert doubled.violations == []
    assert doubled.requests == usual.requests


def test_faults_are_aimed_at_what_they_can_strike() -> None:
    with pytest.raises(ValueError, match="strikes a request"):
        Fault(Entered("dialing"), "429")
    with pytest.raises(ValueError, match="no fault"):
        Fault(Entered("dialing"), "earthquake")


def test_what_people_do_is_part_of_the_story() -> None:
    outcome = play("cold", acts=[Act(Entered("dialing", plus=0.5), "caller", "hang_up")])
    assert outcome.violations == []
    assert (outcome.state, outcome.reason) == ("abandoned", "caller_hung_up")


def test_some_bad_days_are_clean() -> None:
    assert some(range(1, 41)).failing == {}


def test_the_command_says_what_a_seed_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert "make simulate SEED=3" in said
    assert "ended as" in said


BUSY_AND_UNHEARD = replace(
    plain("warm-next"),
    phones=(("agent", (Behavior("answer", 1.0),)), ("target", (Behavior("unreachable"),)),
            ("second", (Behavior("busy"),))),
    faults=(Fault(Request("participants.create", 3), "500_after"),),
    acts=(),
    seed=1311,
)  # fmt: skip
"""The second target is busy, and nobody hears the answer to the dial."""


def dials_of(outcome: Outcome) -> int:
    return [name for name, _ in outcome.requests].count("participants.create")


def test_dial_in_doubt_is_not_made_again_once_a_callback_has_told() -> None:
    outcome = play(BUSY_AND_UNHEARD)
    assert outcome.violations == []
    assert (outcome.state, outcome.reason) == ("failed", "target_busy")
    assert dials_of(outcome) == 3, "the agent, the first target, and the second: each once"


def test_dial_in_doubt_is_made_again_where_no_callback_has_told() -> None:
    lost = Fault(Told("completed", 2), "lose")
    outcome = play(replace(BUSY_AND_UNHEARD, faults=(*BUSY_AND_UNHEARD.faults, lost)))
    assert outcome.violations == []
    assert (outcome.state, outcome.reason) == ("failed", "target_busy")
    assert dials_of(outcome) == 4, "nobody can know that the phone has rung"


def test_dial_made_again_after_its_callback_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """S4 stays awake: a shell that lets every activity go on is caught."""
    monkeypatch.setattr(Shell, "_unwanted", lambda _: [])
    outcome = play(BUSY_AND_UNHEARD)
    assert "S4" in {each.name for each in outcome.violations}


def test_unreachable_request_is_known_not_to_have_been_made() -> None:
    outcome = play("cold", faults=[Fault(Request("participants.create", 2), "unreachable")])
    assert outcome.violations == []
    created = [at for at, (name, _) in enumerate(outcome.requests) if name == "participants.create"]
    looked = [name for name, _ in outcome.requests[created[0] : created[-1]]]
    assert len(created) == 2
    assert "participants.fetch" not in looked


def ended_by_force(scenario: str, state: str) -> Outcome:
    """A transfer that an operator ends while a phone rings that nobody picks up."""
    story = plain(scenario)
    rings_on = (*(each for each in story.phones if each[0] != "target"),
                ("target", (Behavior("ring"),)))  # fmt: skip
    act = Act(Entered(state, plus=6.5), "operator", "terminate")
    return play(replace(story, phones=rings_on, acts=(act,)), with_ladder=True)


def test_guardian_that_rests_wakes_as_a_workflow_is_ended_by_force() -> None:
    """Seed 200118: nothing else moved, and the caller was on hold until something did."""
    outcome = ended_by_force("warm", "dialing")
    assert outcome.violations == []
    assert "guardian rescues" in outcome.goals


def test_rescue_leaves_a_recording_as_it_is() -> None:
    """Seed 200437: the checker wanted it resumed, against decision 8."""
    outcome = ended_by_force("recorded", "dialing")
    assert outcome.violations == []
    assert "guardian rescues" in outcome.goals
    assert [name for name, _ in outcome.requests].count("conference_recordings.update") == 1


@pytest.mark.parametrize("scenario", ["warm", "cold"])
def test_new_agent_has_the_call_after_the_guardian_has_looked(scenario: str) -> None:
    """The caller's new agent was refused every button seconds after the transfer (S27)."""
    act = Act(Entered("consulting", plus=3.0), "agent", "complete")
    outcome = play(replace(plain(scenario), acts=(act,)))
    assert (outcome.violations, outcome.state) == ([], "completed")
    assert outcome.looks > 1


@pytest.mark.parametrize("seed", [13, 68, 94])
def test_guardian_finds_nothing_where_nothing_is_lost(seed: int) -> None:
    """A supervision that had heard of the end of the agent's leg still showed the leg (L4)."""
    outcome = play(story_of(seed, "supervised"))
    assert outcome.violations == []


def test_agents_leg_that_comes_late_into_a_transferred_call_is_ended() -> None:
    """Seeds 3408 and 3452: the first dial of the agent took effect after they had handed on."""
    late = Fault(Request("participants.create", 1), "late", 9.73)
    outcome = play(replace(plain("cold"), faults=(late,)), with_ladder=True)
    assert outcome.violations == []
    joined = [line for line in outcome.ladder if "join" in line and "client:alice" in line]
    assert len(joined) == 2, "the dial that was given up took effect as well"


def test_target_of_a_transfer_that_was_ended_by_force_is_not_recorded() -> None:
    """Seed 102688: the agent asked for the recording back, and then the target picked up."""
    story = plain("recorded")
    slow = (*(each for each in story.phones if each[0] != "target"),
            ("target", (Behavior("answer", 4.0),)))  # fmt: skip
    acts = (
        Act(Entered("dialing", plus=1.0), "operator", "terminate"),
        Act(Entered("dialing", plus=1.6), "agent", "resume_recording"),
    )
    outcome = play(replace(story, phones=slow, acts=acts), with_ladder=True)
    assert outcome.violations == []
    assert any("still_private" in line for line in outcome.ladder)


def test_of_two_words_about_the_recording_at_once_either_may_be_the_last() -> None:
    """Seed 705855: the pause was heard first, and its answer was taken for the last word. A pause
    that is asked for after the answer to a resume is kept."""
    answer = SimpleNamespace(is_ok=True, body={"state": "paused"})
    tape = Tape(SimpleNamespace(moved=lambda: None))
    resume, pause = tape.asked("resume"), tape.asked("pause")
    tape.answered("resume", resume, answer)
    tape.answered("pause", pause, answer)
    assert not tape.is_kept
    tape.answered("pause", tape.asked("pause"), answer)
    assert tape.is_kept


def test_target_given_up_in_an_outage_does_not_stay_in_the_call() -> None:
    """Seed 1001498: its leg was to be ended for 20 s, and then talked with caller and agent."""
    act = Act(Entered("consulting", plus=1.0), "agent", "cancel")
    down = Fault(Entered("consulting"), "twilio_down", 30.0)
    outcome = play(replace(plain("warm"), acts=(act,), faults=(down,)))
    assert (outcome.violations, outcome.state) == ([], "cancelled")


def test_agent_let_go_whose_removal_came_too_late_is_removed_all_the_same() -> None:
    """Pair C-85-147: the room could not be read while the caller was on hold for the agent's sake,
    and then the agent stayed with caller and target."""
    faults = (
        Fault(Request("participants.list", 3), "timeout_before"),
        Fault(Request("participants.list", 5), "timeout_after"),
    )
    policy = (*plain("cold").policy, ("release_agent", "on_ringing"))
    outcome = play(replace(plain("cold"), faults=faults, policy=policy))
    assert (outcome.violations, outcome.state) == ([], "completed")


def test_dial_that_never_left_the_worker_is_not_looked_for() -> None:
    """Supervised seed 332051: begun, and not wanted any more, within one step of the workflow. Its
    leg was looked for until it could not appear any more."""
    leaves = Act(Told("participant-join", 1, 1.6763358804087614), "caller", "hang_up")
    story = replace(plain("warm"), acts=(leaves,), talk_seconds=3.0, seed=332051)
    outcome = play(story, with_ladder=True)
    assert (outcome.violations, outcome.state) == ([], "abandoned")
    assert any("transfer -> awaiting" in line for line in outcome.ladder)
    assert dials_of(outcome) == 1, "the agent's alone"
    assert len(outcome.requests) < 25


def test_every_rare_situation_is_due_in_a_long_run() -> None:
    all_seen = dict.fromkeys(GOALS, 1)
    assert missing(all_seen, LONG) == []
    for name in GOALS:
        assert missing(all_seen | {name: 0}, LONG) == [name]
        assert missing(all_seen | {name: 0}, LONG - 1) == []
    assert missing({}, SHORT) == list(GOALS)
    assert missing({}, SHORT - 1) == []


@pytest.mark.timeout(240)
def test_run_that_is_interrupted_sums_up() -> None:
    command = [sys.executable, "-m", "tests.simulation.simulate", "--runs", "100000"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    assert running.stdout is not None
    assert "histories," in running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=150)
    assert "interrupted" in said
    assert "rare situations" in said
    assert running.returncode == 130


@pytest.mark.parametrize("verb", ["", "swap"])
def test_agent_of_another_application_who_hangs_up_as_the_caller_is_held(verb: str) -> None:
    """Seed 1305933. The SID of the agent's leg is known from the room alone, which did not show it
    any more once the caller was on hold: the agent was taken for present, and after a swap the
    caller was alone until the consult's time was up."""
    acts = [Act(Request("participants.update", 1), "agent", "hang_up")]
    if verb:
        acts.append(Act(Entered("dialing", plus=0.1), "agent", verb))
    outcome = play("elsewhere", acts=acts)
    assert (outcome.violations, outcome.state) == ([], "completed")
