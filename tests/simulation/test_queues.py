"""Stories of queues that bad days have brought to light: who has the call, and whose task it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.core.phones import Behavior
from tests.simulation.faults import Act, Entered, Fault, Request, Rings, Told
from tests.simulation.play import play
from tests.simulation.scenarios import plain
from tests.simulation.simulate import be_quiet
from tests.simulation.stage import CALLER, PEOPLE
from workflows import task
from workflows.machine import outcomes
from workflows.machine.stimuli import Stimulus
from workflows.messages import TaskPeople

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


@pytest.mark.parametrize("route", ["*", "participants.list", "calls.fetch"])
@pytest.mark.parametrize("scenario", ["queue", "worker"])
@pytest.mark.parametrize("seconds", [13.0, 30.0, 70.0, 150.0])
def test_nobody_hangs_up_on_a_call_that_began_in_an_outage(
    scenario: str, route: str, seconds: float
) -> None:
    """Seed 7006743: who is on the call had not been learnt, so that the room did not show the
    caller, who was taken for gone: the call was ended for everybody."""
    down = Fault(Request(route, 1), "twilio_down", seconds)
    outcome = play(plain(scenario, lasts=True), faults=[down])
    assert outcome.violations == []


@pytest.mark.parametrize("seconds", [17.0, 40.0, 60.0])
def test_worker_is_free_again_though_twilio_was_away_as_the_call_ended(seconds: float) -> None:
    """Seed 4040957: the call tried for 16 s to end the task of its agent, and never again: nobody
    was on the call any more, and the worker was taken for busy."""
    outcome = play(
        "queue",
        acts=[Act(Request("*", 6), "caller", "hang_up")],
        faults=[Fault(Request("*", 7), "twilio_down", seconds)],
    )
    assert outcome.violations == []


@pytest.mark.parametrize("scenario", ["queue", "worker"])
@pytest.mark.parametrize("state", ["dialing", "leaving"])
@pytest.mark.parametrize("seconds", [35.0, 110.0])
def test_agent_is_free_again_though_twilio_was_away_as_the_caller_hung_up(
    scenario: str, state: str, seconds: float
) -> None:
    """The transfer tried for 30 s to end the agent's task, which TaskRouter wrapped up then."""
    moment = 0.7 if state == "dialing" else 0.01
    outcome = play(
        plain(scenario, lasts=True),
        acts=[
            Act(Entered(state, plus=moment), "caller", "hang_up"),
            Act(Entered("consulting", plus=2.0), "agent", "complete"),
        ],
        faults=[Fault(Entered(state, plus=moment + 0.25), "twilio_down", seconds)],
    )
    assert (outcome.violations, outcome.reason) == ([], "caller_hung_up")


def test_target_is_free_again_though_twilio_was_away_as_they_hung_up() -> None:
    """The same with the task that the transfer had made, and a call that went on."""
    outcome = play(
        "queue",
        acts=[
            Act(Entered("settling", plus=0.01), "target", "hang_up"),
            Act(Entered("consulting", plus=2.0), "agent", "complete"),
        ],
        faults=[Fault(Entered("settling", plus=0.01), "twilio_down", 20.0)],
    )
    assert outcome.violations == []


def test_task_of_a_worker_who_came_as_the_transfer_was_ended_by_force_rings_nobody_else() -> None:
    """Seed 212191: the task was not accepted yet, and TaskRouter asked the next one for nobody."""
    outcome = play(
        "queue",
        acts=[
            Act(Entered("consulting", plus=1.0), "agent", "complete"),
            Act(Entered("consulting", plus=1.3), "operator", "terminate"),
        ],
        faults=[Fault(Request("reservations.update"), "timeout_before")],
        with_ladder=True,
    )
    assert "guardian rescues" in outcome.goals
    assert outcome.violations == []
    assert not [line for line in outcome.ladder if f"ringing {SECOND}" in line]


def test_worker_who_declines_at_first_and_is_rung_again_keeps_the_task() -> None:
    """Seed 440397: a room that ended before anybody was in it took the task along, of which
    TaskRouter had made another room by then."""
    outcome = play(
        replace(plain("queue"), switches=(("join_event_at", "ringing"),)),
        acts=[
            Act(Request("*"), "agent", "hang_up"),
            Act(Entered("consulting", plus=1.0), "agent", "complete"),
        ],
    )
    assert outcome.violations == []
    assert (outcome.state, outcome.reason) == ("completed", "completed")


def test_worker_of_a_call_that_ended_before_it_had_an_owner_is_not_kept_on_the_phone() -> None:
    """Seed 102843: the caller hangs up as they meet, and no news of the call is heard at all."""
    met = Told("participant-join", 2)
    outcome = play(
        "queue",
        acts=[Act(met, "caller", "hang_up")],
        faults=[Fault(met, "server_crash", 2.5)],
    )
    assert outcome.state == "no transfer"
    assert outcome.violations == []


def test_worker_who_is_rung_while_the_task_is_being_ended_does_not_stay_in_the_call() -> None:
    """Seed 708919: the cancel met an outage, and TaskRouter asked the next worker meanwhile, whose
    leg has the label of the one before, which had been ended."""
    outcome = play(
        "queue",
        acts=[Act(Rings("target", plus=1.5), "agent", "cancel")],
        faults=[Fault(Rings("target"), "twilio_down", 8.6)],
        with_ladder=True,
    )
    assert [line for line in outcome.ladder if f"ringing {SECOND}" in line]
    assert (outcome.violations, outcome.state) == ([], "cancelled")


def test_task_of_a_transfer_ended_by_force_is_ended_though_its_sid_was_never_heard() -> None:
    """Seed 706411: the transfer was ended while the task was being made, and a phone rang for
    nobody until a list of tasks was read."""
    story = plain("queue")
    rings_on = (*(each for each in story.phones if each[0] != "target"),
                ("target", (Behavior("ring"),)))  # fmt: skip
    terminate = Act(Entered("dialing", plus=0.03), "operator", "terminate")
    outcome = play(replace(story, phones=rings_on, acts=(terminate,)), with_ladder=True)
    assert "guardian rescues" in outcome.goals
    assert [line for line in outcome.ladder if f"ringing {TARGET}" in line]
    assert outcome.violations == []


def test_checker_sees_that_everybody_was_put_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine as it was: who was not known was taken for gone."""
    monkeypatch.setattr(outcomes, "adopt", lambda transfer, party, sid: transfer)
    monkeypatch.setattr(outcomes, "_room_of_unknown", lambda here: Stimulus.CALLER_LEFT)
    monkeypatch.setattr(task, "people_in", lambda state, room=None: TaskPeople())
    down = Fault(Request("*", 1), "twilio_down", 30.0)
    outcome = play(plain("queue", lasts=True), faults=[down])
    told = [str(each) for each in outcome.violations]
    assert any("S1" in each and "we hung up on the caller" in each for each in told), told
