"""The seeded bugs: each is put into the engine, and the invariant that names it must catch it.

A checker that never says anything proves nothing. Each mutant says which stories it is looked for
in and what must be said; bugs that do not live in workflows, activities or starts are listed with
the ordinary test that catches them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from unittest.mock import patch

import activities.creating
import activities.participants
import activities.tasks
from activities.participants import Participants
from simulator.core.phones import Behavior
from tests.simulation.faults import Act, After, Entered, Fault, Request, Rings, Told
from tests.simulation.mutations import (
    Patch,
    a_lock_for_each,
    accepted_before_started,
    busy_loop,
    by_friendly_name,
    cancels_the_ringing,
    cell,
    create_without_looking,
    dials_whoever,
    forgetful,
    held_unless_good,
    hold_first,
    keep_flags,
    last_word_wins,
    new_label_on_each_try,
    no_clock_while_ringing,
    no_restore,
    number_in_the_address,
    one,
    reopened_by_a_late_answer,
    resumes_whatever_is_paused,
    task_forgotten,
    task_made_twice,
    together,
    trusts_who_knows_the_id,
    unwatched,
    voice_before_aim,
    wall_clock,
    whisper_goes_on,
)
from tests.simulation.play import Story
from tests.simulation.scenarios import plain
from workflows.machine.commands import EndStray, RemoveAgent, ResumeCaller
from workflows.machine.model import Reason, State
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import go, ignore


@dataclass(frozen=True)
class Mutant:
    """One bug."""

    bug: str
    patch: Patch
    stories: tuple[Story, ...]
    caught_by: frozenset[str]
    """Any of these must be named."""


# --- the stories -------------------------------------------------------------------------------

COMPLETE = (Act(Entered("consulting", plus=3.0), "agent", "complete"),)
WARM = replace(plain("warm"), acts=COMPLETE)
COLD = plain("cold")
SCREENED = replace(
    plain("screened"),
    phones=(
        ("agent", (Behavior("answer", 1.0),)),
        ("number", (Behavior("answer", 6.0, digits="1", digits_after_seconds=2.0),)),
    ),
)
SHORT = Behavior("answer_then_hangup", 1.0, hangup_after_seconds=0.5)
NO_ANSWER = replace(
    WARM, phones=(("agent", (Behavior("answer", 1.0),)), ("target", (Behavior("ring"),)))
)
RECORDED = replace(WARM, recording="conversation", scenario="recorded")
FLAGGED = replace(WARM, elsewhere=("agent",), scenario="elsewhere")
CANCELLED = replace(WARM, acts=(Act(Entered("consulting", plus=2.0), "agent", "cancel"),))
TASK = replace(plain("worker"), kind="warm", acts=COMPLETE)
ADVISED = replace(
    WARM,
    scenario="supervised",
    phones=(*WARM.phones, ("supervisor", (Behavior("answer", 1.0),))),
    acts=(Act(After(0.1), "supervisor", "supervise", "whisper"), *COMPLETE),
    switches=(("coach_of_one_who_left", "becomes_audible"),),
    talk_seconds=6.0,
)
"""A supervisor whispers to the agent all the time, also in the consult, and then to the target."""
LEFT_ALONE = (Act(Entered("consulting", plus=3.0), "agent", "hang_up"),)


def _with(story: Story, *faults: Fault, acts: tuple[Act, ...] | None = None) -> Story:
    return replace(story, faults=faults, acts=story.acts if acts is None else acts)


MUTANTS: dict[str, Mutant] = {
    "M01": Mutant(
        "a create is repeated after a time-out without looking",
        one(activities.creating, "_step", create_without_looking),
        (_with(SCREENED, Fault(Request("calls.create", 1), "timeout_after")),),
        frozenset({"S3", "S4"}),
    ),
    "M02": Mutant(
        "no timer while an answer is waited for",
        no_clock_while_ringing,
        # The guardian would find out that the target's phone rings no more.
        (replace(_with(NO_ANSWER, Fault(Rings("target"), "cut_off", 60.0)), has_guardian=False),),
        frozenset({"S1", "L1"}),
    ),
    "M03": Mutant(
        "the caller's hang-up is ignored while the target rings",
        lambda: cell(State.DIALING, On.CALLER_LEFT, ignore("a bug")),
        (_with(NO_ANSWER, acts=(Act(Rings("target", plus=1.0), "caller", "hang_up"),)),),
        frozenset({"S2", "L7"}),
    ),
    "M04": Mutant(
        "a new label for each try",
        new_label_on_each_try,
        # A phone that rings on: what is told of a leg keeps its dial from being made again.
        (_with(NO_ANSWER, Fault(Request("participants.create", 2), "timeout_after")),),
        frozenset({"S4"}),
    ),
    "M05": Mutant(
        "the agent's leg keeps its exit flag",
        one(Participants, "_clear_exit_flags", keep_flags),
        (FLAGGED, _with(FLAGGED, acts=(Act(Rings("target", plus=1.0), "agent", "hang_up"),))),
        frozenset({"S9", "S10"}),
    ),
    "M06": Mutant(
        "the hold first, then the exit flag",
        hold_first,
        (replace(FLAGGED, elsewhere=("agent", "caller")),),
        frozenset({"S9"}),
    ),
    "M07": Mutant(
        "the agent is removed as soon as the target answers",
        lambda: together(
            cell(State.DIALING, On.TARGET_ANSWERED, go(State.LEAVING, RemoveAgent)),
            patch.object(activities.participants, "_demand", lambda room, given: None),
            unwatched(),
        )(),
        (WARM,),
        frozenset({"S5", "S1"}),
    ),
    "M08": Mutant(
        "the caller is taken off hold when the target joins",
        lambda: together(
            cell(State.DIALING, On.TARGET_ANSWERED, go(State.CONSULTING, ResumeCaller)),
            unwatched(),
        )(),
        (WARM,),
        frozenset({"S6"}),
    ),
    "M09": Mutant(
        "a supervisor is un-muted first, and aimed at the agent after",
        voice_before_aim,
        (ADVISED,),
        frozenset({"S7"}),
    ),
    "M09-left": Mutant(
        "a whisper is left as it is when the agent who hears it leaves",
        whisper_goes_on,
        (replace(ADVISED, acts=(*ADVISED.acts[:1], *LEFT_ALONE)),),
        frozenset({"S7"}),
    ),
    "M10": Mutant(
        "nothing is restored after a transfer that came to nothing",
        no_restore,
        (replace(CANCELLED, elsewhere=("agent",)),),
        frozenset({"S8", "S28"}),
    ),
    "M11": Mutant(
        "a claim without a fence",
        a_lock_for_each,
        (_with(WARM, acts=(*COMPLETE, Act(Entered("holding", plus=0.3), "agent", "start"),
                           Act(After(0.0), "agent", "start"))),),
        frozenset({"S11"}),
    ),
    "M12": Mutant(
        "the lock is released after a success only",
        held_unless_good,
        (CANCELLED,),
        frozenset({"S12"}),
    ),
    "M13": Mutant(
        "a late answer opens what was over",
        reopened_by_a_late_answer,
        (_with(NO_ANSWER, Fault(Told("answered", 2), "delay", 20.0),
               acts=(Act(Rings("target", plus=1.0), "target", "answer"),
                     Act(Rings("target", plus=1.2), "agent", "cancel"))),),
        frozenset({"S13"}),
    ),
    "M14": Mutant(
        "accepted keys live in the memory of a process",
        forgetful,
        (_with(CANCELLED, acts=(*CANCELLED.acts,
                                Act(Entered("cancelled", plus=0.3), "agent", "start_again"))),),
        frozenset({"S14"}),
    ),
    "M15": Mutant(
        "a start is accepted before it is begun",
        accepted_before_started,
        (COLD,),
        frozenset({"S15"}),
    ),
    "M16": Mutant(
        "the last word about a leg wins",
        last_word_wins,
        tuple(
            _with(replace(WARM, phones=(WARM.phones[0], ("target", (SHORT,)))),
                  Fault(Told("answered", 2), "delay", 0.5 + number / 20))
            for number in range(3)
        ),
        frozenset({"S16"}),
    ),
    "M18": Mutant(
        "whoever knows the id of a call may act on it",
        trusts_who_knows_the_id,
        (
            _with(WARM, acts=(Act(Entered("consulting", plus=1.0), "stranger", "cancel"),)),
            _with(COLD, acts=(Act(After(0.0), "stranger", "start"),)),
        ),
        frozenset({"S18"}),
    ),
    "M19": Mutant(
        "the agent's task is never completed",
        together(
            patch.object(activities.participants, "end_one_task", task_forgotten),
            patch.object(activities.tasks, "end_one_task", task_forgotten),
        ),
        (TASK,),
        frozenset({"S19"}),
    ),
    "M20": Mutant(
        "two tasks for one transfer, and both are taken",
        task_made_twice,
        (replace(plain("queue"), kind="warm", acts=COMPLETE),),
        frozenset({"S20", "S3"}),
    ),
    "M21": Mutant(
        "a transfer resumes what a person had paused",
        resumes_whatever_is_paused,
        (replace(RECORDED, acts=(
            Act(Entered("consulting", plus=0.5), "agent", "pause_recording"),
            Act(Entered("consulting", plus=2.0), "agent", "complete"),
        )),),
        frozenset({"S21"}),
    ),
    "M22": Mutant(
        "the ladder dials a number that nobody named",
        dials_whoever,
        (replace(WARM, targets=(("target", {}), ("second", {})),
                 phones=(("agent", (Behavior("answer", 1.0),)), ("target", (Behavior("busy"),)))),),
        frozenset({"S22"}),
    ),
    "M23": Mutant(
        "the address of a callback names who is rung",
        number_in_the_address,
        (WARM,),
        frozenset({"S23"}),
    ),
    "M24": Mutant(
        "requests are repeated at once while Twilio is down",
        busy_loop,
        (_with(COLD, Fault(Entered("dialing", plus=0.1), "twilio_down", 30.0)),),
        frozenset({"S25"}),
    ),
    "M25": Mutant(
        "the workflow reads the clock of the machine",
        wall_clock,
        (_with(COLD, Fault(Entered("dialing", plus=0.5), "worker_crash", 0.5)),),
        frozenset({"S26"}),
    ),
    "M26": Mutant(
        "completed is said when the agent has left",
        lambda: together(
            cell(
                State.DIALING,
                On.AGENT_LEFT,
                go(State.COMPLETED, EndStray, because=Reason.COMPLETED_BY_HANGUP),
            ),
            unwatched(),
        )(),
        (_with(NO_ANSWER, acts=(Act(Rings("target", plus=1.0), "agent", "hang_up"),)),),
        frozenset({"S27"}),
    ),
    "M27": Mutant(
        "a ringing leg is ended by canceled",
        cancels_the_ringing,
        (_with(NO_ANSWER, acts=(Act(Rings("target", plus=1.0), "agent", "cancel"),)),),
        frozenset({"S29", "S2"}),
    ),
    "M28": Mutant(
        "a room is addressed by its name",
        by_friendly_name,
        (WARM,),
        frozenset({"S30", "S2"}),
    ),
}  # fmt: skip
"""Each is caught within these stories. `tests/simulation/test_mutants.py` holds them to it."""

ELSEWHERE: dict[str, tuple[str, tuple[str, ...]]] = {
    "M17": (
        "signatures checked on some routes only",
        ("tests/api/test_signature.py::test_introspection_finds_the_routes",
         "tests/api/test_signature.py::test_w1_no_signature"),
    ),
    "M18": (
        "the same, of every route and role",
        ("tests/api/test_rights.py::test_z7_table",),
    ),
    "M23": (
        "numbers in logs, tokens in errors",
        ("tests/e2e/test_personal_data.py::test_planted_numbers_and_names_are_found_nowhere",
         "tests/e2e/test_personal_data.py::test_o1_secrets_are_found_nowhere"),
    ),
}  # fmt: skip
"""What of these bugs lives where the simulation does not go (signatures, logs), and the tests that
catch it there."""
