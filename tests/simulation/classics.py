"""Situations that chance alone would bring about too rarely, each added to a story of any kind.

What they are meant to reach is counted by `goals.py`, from what happens and not from the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from simulator.core.phones import Behavior
from tests.simulation.faults import Act, After, Entered, Fault, Request, Rings, Told
from tests.simulation.play import Story

LATE_ROUTE = "participants.create"
"""The dial that may take effect long after it was given up: Twilio refuses its label if it is in
use by then. A dial by `calls.create`, for "press 1", has no label: made late, it rings a phone a
second time, and nothing that Twilio documents could stop it (docs/simulation.md)."""


def _late_answer(rng: Random, story: Story) -> Story:
    """That the target has hung up is heard before that it had picked up."""
    short = Behavior("answer_then_hangup", 2.0, hangup_after_seconds=rng.uniform(0, 1))
    late = Fault(Told("answered", 2), "delay", rng.uniform(0.5, 4))
    phones = (*(each for each in story.phones if each[0] != "target"), ("target", (short,)))
    return replace(story, phones=phones, faults=(*story.faults, late))


def _cancel_at_the_answer(rng: Random, story: Story) -> Story:
    """The agent cancels in the moment in which the target picks up."""
    moment = Told("answered", 2, plus=rng.uniform(0, 0.04))
    return replace(story, acts=(*story.acts, Act(moment, "agent", "cancel")))


def _hang_up_at_complete(rng: Random, story: Story) -> Story:
    """The caller hangs up in the moment in which the agent completes."""
    moment = Entered("consulting", plus=rng.uniform(0, 3))
    both = (Act(moment, "agent", "complete"), Act(moment, "caller", "hang_up"))
    return replace(story, acts=(*story.acts, *rng.sample(both, 2)))


def _lost_dial(rng: Random, story: Story) -> Story:
    """A dial takes effect, nobody is told so, and the worker may die over it."""
    route = rng.choice(("participants.create", "calls.create", "tasks.create"))
    at = Request(route, rng.randint(1, 3))
    name = rng.choice(("timeout_after", "reset_after", "500_after", "late"))
    if name == "late":
        at = replace(at, route=LATE_ROUTE)
    faults = [Fault(at, name, rng.uniform(2.6, 12) if name == "late" else 0.0)]
    if rng.random() < 0.3:
        faults.append(Fault(replace(at, plus=rng.uniform(0, 3)), "worker_crash", 0.5))
    return replace(story, faults=(*story.faults, *faults))


def _agent_goes_early(rng: Random, story: Story) -> Story:
    """The agent leaves before any flag could be cleared, or as the phone rings."""
    moment = rng.choice((Entered("holding", plus=rng.uniform(0, 0.1)), Rings("target", plus=0.2)))
    return replace(story, acts=(*story.acts, Act(moment, "agent", "hang_up")))


def _answer_at_the_end(rng: Random, story: Story) -> Story:
    """The target picks up in the moment in which its leg is being ended."""
    phones = (*(each for each in story.phones if each[0] != "target"), ("target", (Behavior(),)))
    cancel = Act(Rings("target", plus=rng.uniform(0.2, 1)), "agent", "cancel")
    answer = Act(Entered("cancelling", plus=rng.uniform(0.02, 0.08)), "target", "answer")
    return replace(story, phones=phones, acts=(*story.acts, cancel, answer))


def _answer_at_the_time_out(rng: Random, story: Story) -> Story:
    """A worker picks up in the moment in which the offer passes to the next one."""
    phones = (*(each for each in story.phones if each[0] != "target"), ("target", (Behavior(),)))
    moment = Told("assignment", 2, plus=rng.uniform(9.7, 10.05))
    return replace(
        story,
        phones=phones,
        acts=(*story.acts, Act(moment, "target", "answer")),
        switches=(*story.switches, ("reservation_timer_in_setup", "runs")),
    )


def _end_at_the_offer(rng: Random, story: Story) -> Story:
    """The agent cancels, or the caller goes, just as a worker is offered the task."""
    moment = Told("assignment", 2, plus=rng.uniform(0, 0.2))
    act = rng.choice((Act(moment, "agent", "cancel"), Act(moment, "caller", "hang_up")))
    return replace(story, acts=(*story.acts, act))


def _join_told_out_of_turn(rng: Random, story: Story) -> Story:
    """That somebody came into the room is told twice, or after that they have left it."""
    at = Told("participant-join", rng.randint(1, 3))
    name = rng.choice(("double", "delay"))
    seconds = rng.uniform(0, 1) if name == "double" else rng.uniform(3, 12)
    return replace(story, faults=(*story.faults, Fault(at, name, seconds)))


def _away_in_the_consult(rng: Random, story: Story) -> Story:
    """Twilio cannot be reached while agent and target talk."""
    moment = Entered("consulting", plus=rng.uniform(0, 2))
    away = Fault(moment, "twilio_down", rng.uniform(1, 15))
    return replace(story, faults=(*story.faults, away))


def _lost_in_silence(rng: Random, story: Story) -> Story:
    """Somebody hangs up and nobody is told."""
    moment = Entered(rng.choice(("consulting", "dialing")), plus=rng.uniform(0, 2))
    deaf = Fault(moment, "cut_off", 1.0)
    leaves = replace(moment, plus=moment.plus + 0.3)
    act = Act(leaves, rng.choice(("target", "caller", "agent")), "hang_up")
    return replace(story, acts=(*story.acts, act), faults=(*story.faults, deaf))


def _found_before_told(rng: Random, story: Story) -> Story:
    """That somebody left is told so late that the guardian has found it out."""
    at = Told(rng.choice(("participant-leave", "completed")), rng.randint(1, 2))
    return replace(story, faults=(*story.faults, Fault(at, "delay", rng.uniform(8, 20))))


def _dies_after_the_effect(rng: Random, story: Story) -> Story:
    """The worker dies between a change at Twilio and its answer."""
    route = rng.choice(
        ("participants.create", "participants.update", "calls.update", "tasks.create")
    )
    # An answer is on its way for 20 ms at least.
    at = Request(route, rng.randint(1, 3), plus=rng.uniform(0.001, 0.02))
    dies = Fault(at, "worker_crash", rng.uniform(0.2, 2.0))
    return replace(story, faults=(*story.faults, dies))


def _ended_by_force(rng: Random, story: Story) -> Story:
    """An operator terminates the transfer's workflow: nobody of ours is left but the guardian."""
    state = rng.choice(("consulting", "dialing", "holding", "handing_over"))
    moment = Entered(state, plus=rng.uniform(0, 2))
    return replace(story, acts=(*story.acts, Act(moment, "operator", "terminate")))


def _recall_in_vain(rng: Random, story: Story) -> Story:
    """The agent has gone, the targets cannot be had, and the agent does not pick up again."""
    nobody = Behavior("busy"), Behavior("reject", rng.uniform(0.5, 3)), Behavior("unreachable")
    phones = tuple((who, (rng.choice(nobody),)) for who, _ in story.phones if who != "agent")
    agent = ("agent", (Behavior("answer", 1.0), Behavior("no_answer")))
    policy = (*story.policy, ("release_agent", "on_dial"), ("recall", True))
    return replace(story, phones=(agent, *phones), policy=policy)


def _takes_over(rng: Random, story: Story) -> Story:
    """A supervisor takes a call over that nobody transfers or holds."""
    comes = Act(After(rng.uniform(0, 3)), "supervisor", "supervise", "monitor")
    takes = Act(Entered("v1 listening", plus=rng.uniform(0.2, 4)), "supervisor", "take_over")
    return replace(story, has_transfer=False, talk_seconds=30.0, acts=(comes, takes))


def _transfers_as_taken_over(rng: Random, story: Story) -> Story:
    """The agent transfers in the moment in which a supervisor takes the call over."""
    comes = Act(
        After(rng.uniform(0, 3)), "supervisor", "supervise", rng.choice(("barge", "monitor"))
    )
    takes = Act(After(rng.uniform(8, 12)), "supervisor", "take_over")
    starts = Act(Entered("v1 taking_over", plus=rng.uniform(0, 0.4)), "agent", "start")
    acts = (comes, takes, starts)
    return replace(story, has_transfer=False, talk_seconds=30.0, acts=acts)


def _takes_over_in_vain(rng: Random, story: Story) -> Story:
    """A supervisor wants the call while it is being transferred."""
    comes = Act(After(0.1), "supervisor", "supervise", "monitor")
    moment = Entered(rng.choice(("dialing", "consulting")), plus=rng.uniform(0, 2))
    acts = (*story.acts, comes, Act(moment, "supervisor", "take_over"))
    return replace(story, acts=acts, talk_seconds=story.talk_seconds or 5.0)


def _whispers_to_nobody(rng: Random, story: Story) -> Story:
    """The agent goes while a supervisor whispers, and the supervisor asks to whisper on."""
    comes = Act(After(rng.uniform(0, 3)), "supervisor", "supervise", "whisper stays")
    goes = Entered("v1 whispering", plus=rng.uniform(0.2, 4))
    asks = replace(goes, plus=goes.plus + rng.uniform(0.1, 2))
    acts = (comes, Act(goes, "agent", "hang_up"), Act(asks, "supervisor", "whisper"))
    return replace(story, acts=acts)


Classic = Callable[[Random, Story], Story]
OF_ANY: tuple[Classic, ...] = (
    _late_answer, _lost_dial, _agent_goes_early, _join_told_out_of_turn, _lost_in_silence,
    _dies_after_the_effect, _found_before_told, _ended_by_force,
)  # fmt: skip
OF_WARM: tuple[Classic, ...] = (
    _answer_at_the_end, _cancel_at_the_answer, _hang_up_at_complete, _away_in_the_consult,
    _away_in_the_consult,
)  # fmt: skip
OF_COLD: tuple[Classic, ...] = (_recall_in_vain, _recall_in_vain)
OF_TASKS: tuple[Classic, ...] = (
    _answer_at_the_time_out, _answer_at_the_time_out, _end_at_the_offer,
) * 3  # fmt: skip
OF_SUPERVISED: tuple[Classic, ...] = (
    _takes_over, _transfers_as_taken_over, _takes_over_in_vain, _whispers_to_nobody,
) * 4  # fmt: skip


def with_a_classic(rng: Random, story: Story) -> Story:
    """The story, and one of these situations in it that its kind of call can come into."""
    fitting = OF_ANY + (OF_WARM if story.kind == "warm" else OF_COLD)
    fitting += OF_TASKS if story.mode == "taskrouter" else ()
    fitting += OF_SUPERVISED if story.scenario == "supervised" else ()
    return rng.choice(fitting)(rng, story)
