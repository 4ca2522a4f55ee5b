"""What stories are made of: kinds of calls with weights, what people may do, and what may go wrong.

A new kind of call is a function that answers a `Story` and a line in `SCENARIOS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from simulator.core.phones import Behavior
from tests.simulation.classics import LATE_ROUTE, with_a_classic
from tests.simulation.faults import (
    PROCESS_FAULTS,
    REQUEST_FAULTS,
    Act,
    After,
    Entered,
    Fault,
    Moment,
    Request,
    Rings,
    Told,
)
from tests.simulation.play import Story

POLICY: dict[str, Any] = {
    "consult_seconds_max": 60.0,
    "budget_seconds": 90.0,
    "recall_ring_seconds": 10.0,
}
"""Shorter than the defaults, so that a history in which all waits run out is short too."""


def answers(after: float = 1.0, **more: Any) -> Behavior:
    """A phone that is picked up."""
    return Behavior("answer", after, **more)


def _phones(**who: Behavior | tuple[Behavior, ...]) -> tuple[tuple[str, tuple[Behavior, ...]], ...]:
    return tuple((name, each if isinstance(each, tuple) else (each,)) for name, each in who.items())


def _story(
    scenario: str, kind: str, *targets: str, phones: dict[str, Any] | None = None, **more: Any
) -> Story:
    options: dict[str, Any] = more.pop("options", {"ring_seconds": 12.0})
    policy = POLICY | more.pop("policy", {})
    return Story(
        scenario=scenario,
        kind=kind,
        targets=tuple((each, options) for each in targets),
        phones=_phones(agent=answers(1.0), **(phones or {})),
        policy=tuple(policy.items()),
        **more,
    )


# --- kinds of calls ----------------------------------------------------------------------------


def warm(rng: Random) -> Story:
    """The agent talks to the target first, and then hands over, or does not."""
    last = rng.choice(("complete", "complete", "complete", "cancel", "drop-target", "join"))
    acts = [Act(Entered("consulting", plus=rng.uniform(0, 6)), "agent", last)]
    if last == "join":
        acts.append(Act(Entered("conferring", plus=rng.uniform(0, 4)), "agent", "complete"))
    if rng.random() < 0.3:
        acts = [
            Act(Entered("consulting", plus=rng.uniform(0, 3)), "agent", "swap"),
            Act(Entered("revisiting", plus=rng.uniform(0, 3)), "agent", rng.choice(
                ("swap", "complete", "cancel", "join"))),
            Act(Entered("consulting", 2, rng.uniform(0, 3)), "agent", "complete"),
            Act(Entered("conferring", plus=rng.uniform(0, 3)), "agent", "complete"),
        ]  # fmt: skip
    phones = {"target": answers(rng.uniform(0.5, 8))}
    return _story("warm", "warm", "target", phones=phones, acts=tuple(acts))


def warm_next(rng: Random) -> Story:
    """The first target cannot be had, the second perhaps."""
    phones = {"target": _unwilling(rng), "second": rng.choice((answers(2.0), _unwilling(rng)))}
    acts = (Act(Entered("consulting", plus=rng.uniform(0, 4)), "agent", "complete"),)
    return _story("warm-next", "warm", "target", "second", phones=phones, acts=acts)


def recorded(rng: Random) -> Story:
    """A call that is recorded but for the consult; the agent may have it paused, and resumed."""
    story = replace(warm(rng), scenario="recorded", recording="conversation")
    words = [
        Act(_moment(rng), "agent", rng.choice(("pause_recording", "resume_recording")))
        for _ in range(rng.choice((0, 1, 1, 2, 3)))
    ]
    return replace(story, acts=(*story.acts, *words))


def blond(rng: Random) -> Story:
    """The agent completes, or goes, while the target's phone rings."""
    phones = {"target": rng.choice((answers(rng.uniform(2, 9)), _unwilling(rng)))}
    verb = rng.choice(("complete", "hang_up"))
    acts = (Act(Rings("target", plus=rng.uniform(0, 4)), "agent", verb),)
    return _story("blond", "warm", "target", phones=phones, acts=acts)


def cold(rng: Random) -> Story:
    """The agent passes the caller on without a word."""
    phones = {"target": rng.choice((answers(rng.uniform(0.5, 8)), _unwilling(rng)))}
    policy = {"release_agent": rng.choice(("on_answer", "on_answer", "on_dial", "on_ringing"))}
    return _story("cold", "cold", "target", phones=phones, policy=policy)


def cold_next(rng: Random) -> Story:
    """Several targets in turn."""
    phones = {
        "target": _unwilling(rng),
        "second": rng.choice((answers(3.0), _unwilling(rng))),
        "third": rng.choice((answers(1.0), _unwilling(rng))),
    }
    policy = {"release_agent": rng.choice(("on_answer", "on_dial")), "recall": rng.random() < 0.7}
    return _story(
        "cold-next", "cold", "target", "second", "third", phones=phones, policy=policy
    )  # fmt: skip


def screened(rng: Random) -> Story:
    """The target has to press 1 before it is put through."""
    digit = rng.choice(("1", "1", "1", "2", ""))
    phone = answers(rng.uniform(1, 5), digits=digit, digits_after_seconds=rng.uniform(0.5, 8))
    kind = rng.choice(("warm", "cold"))
    acts = (Act(Entered("consulting", plus=rng.uniform(0, 3)), "agent", "complete"),)
    options = {"ring_seconds": 12.0, "accept": "press_1"}
    return _story("screened", kind, "number", phones={"number": phone}, acts=acts, options=options)


def machine(rng: Random) -> Story:
    """A machine may answer, and is told apart."""
    phone = rng.choice((Behavior("voicemail", 2.0, seconds=3.0), answers(2.0)))
    options = {"ring_seconds": 12.0, "detect_machine": True}
    acts = (Act(Entered("consulting", plus=rng.uniform(0, 3)), "agent", "complete"),)
    kind = rng.choice(("warm", "cold"))
    return _story("machine", kind, "target", phones={"target": phone}, acts=acts, options=options)


def inbound(rng: Random) -> Story:
    """A call without a transfer: the first agent may not answer, somebody hangs up."""
    phones = {"colleague": rng.choice((answers(2.0), _unwilling(rng)))}
    story = _story("inbound", "warm", "target", phones=phones, has_transfer=False)
    agent = rng.choice((answers(2.0, hangup_after_seconds=6.0), _unwilling(rng)))
    return replace(story, phones=(("agent", (agent,)), *story.phones[1:]))


def to_worker(rng: Random) -> Story:
    """With TaskRouter: to somebody by name."""
    kind = rng.choice(("warm", "cold"))
    phones = {"target": rng.choice((answers(rng.uniform(0.5, 5)), _unwilling(rng)))}
    acts = (Act(Entered("consulting", plus=rng.uniform(0, 4)), "agent", "complete"),)
    return _story(
        "worker", kind, "worker:bob", phones=phones, acts=acts, mode="taskrouter",
        options={"ring_seconds": 25.0},
    )  # fmt: skip


def to_queue(rng: Random) -> Story:
    """With TaskRouter: to whoever is free in a queue."""
    kind = rng.choice(("warm", "cold"))
    phones = {
        "target": rng.choice((answers(2.0), _unwilling(rng))),
        "second": rng.choice((answers(1.0), _unwilling(rng))),
    }
    acts = [Act(Entered("consulting", plus=rng.uniform(0, 4)), "agent", "complete")]
    if rng.random() < 0.3:
        # Before the phone is picked up, or just when the worker comes into the room.
        plus = rng.choice((rng.uniform(0, 0.9), rng.uniform(1.95, 2.4)))
        acts.append(Act(Rings("target", plus=plus), "target", "reject_offer"))
    return _story(
        "queue", kind, "queue:Billing", phones=phones, acts=tuple(acts), mode="taskrouter",
        options={"ring_seconds": 30.0},
    )  # fmt: skip


def eager(rng: Random) -> Story:
    """The agent transfers so soon that nobody has heard yet that the phone was picked up."""
    return replace(rng.choice((warm, blond, cold))(rng), scenario="eager", is_eager=True)


def elsewhere(rng: Random) -> Story:
    """A call that another application has set up, with exit flags as contact centres have them."""
    story = rng.choice((warm, blond, cold))(rng)
    flagged = rng.choice((("agent",), ("agent",), ("agent", "caller"), ("caller",), ()))
    return replace(story, scenario="elsewhere", elsewhere=flagged)


def held(rng: Random) -> Story:
    """The agent puts the caller on hold, and takes them back, transfers them, or forgets them."""
    if rng.random() < 0.5:
        story = replace(rng.choice((warm, cold))(rng), talk_seconds=rng.uniform(0.2, 8))
    else:
        story = _story("held", "warm", "target", has_transfer=False, talk_seconds=30.0)
    acts = [Act(After(rng.uniform(0, 2)), "agent", "hold")]
    if rng.random() < 0.8:
        acts.append(Act(Entered("held", plus=rng.uniform(0, 12)), "agent", "resume"))
    return replace(story, scenario="held", acts=(*acts, *story.acts))


def supervised(rng: Random) -> Story:
    """Supervisors join, change their mode, take over and leave, whatever is going on."""
    kinds = (warm, warm, warm_next, blond, cold, to_queue, held, None, None)
    kind = rng.choice(kinds)
    if kind is None:
        story = _story("supervised", "warm", "target", has_transfer=False, talk_seconds=30.0)
    else:
        story = kind(rng)
        story = replace(story, talk_seconds=story.talk_seconds or rng.choice((0.0, 3.0, 8.0)))
    acts = _supervises(rng, "supervisor")
    if rng.random() < 0.3:
        acts += _supervises(rng, "observer")
    phone = rng.choice((answers(rng.uniform(0.3, 4)),) * 6 + (_unwilling(rng),))
    phones = (*story.phones, ("supervisor", (phone,)), ("observer", (answers(1.0),)))
    coach = rng.choice(("stays_coaching", "becomes_muted", "becomes_audible"))
    switches = (("coach_of_one_who_left", coach),)
    if rng.random() < 0.4:
        acts += _helps(rng)
    acts = [*story.acts, *acts]
    return replace(story, scenario="supervised", acts=tuple(acts), phones=phones, switches=switches)


def _supervises(rng: Random, who: str) -> list[Act]:
    """One supervisor's day on the call."""
    modes = ("monitor", "whisper", "whisper", "barge")
    early = After(rng.uniform(0, 4))
    joins = rng.choice(modes) + rng.choice(("", "", " stays"))
    acts = [Act(rng.choice((early, early, _moment(rng))), who, "supervise", joins)]
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        acts.append(Act(_supervised_moment(rng), who, rng.choice(modes)))  # type: ignore[arg-type]
    if rng.random() < 0.4:
        # The agent has gone or is about to: who is there to hear it?
        acts.append(Act(Entered("awaiting", plus=rng.uniform(0, 1.5)), who, "whisper"))
    last = rng.choice(("leave", "leave", "take_over", "take_over", "hang_up", ""))
    if last:
        acts.append(Act(_supervised_moment(rng), who, last))  # type: ignore[arg-type]
    if rng.random() < 0.15:
        acts.append(Act(Entered("v1 whispering", plus=rng.uniform(0, 5)), "agent", "hang_up"))
    return acts


def _helps(rng: Random) -> list[Act]:
    """The agent asks for a supervisor: one comes, or two at once, or nobody needs to any more."""
    acts = [Act(rng.choice((After(rng.uniform(0, 4)), _moment(rng))), "agent", "ask_help")]
    for who in rng.choice((("observer",), ("observer",), ("supervisor", "observer"), ())):
        moment = Entered("asked", plus=rng.choice((0.0, rng.uniform(0, 0.3), rng.uniform(0, 4))))
        joins = rng.choice(("monitor", "whisper", "barge")) + rng.choice((" helps", " stays helps"))
        acts.append(Act(moment, who, "supervise", joins))
    if rng.random() < 0.4:
        acts.append(Act(Entered("asked", plus=rng.uniform(0, 3)), "agent", "withdraw_help"))
    return acts


def _supervised_moment(rng: Random) -> Moment:
    """A moment at which something goes on with a supervisor, or on the call."""
    if rng.random() < 0.4:
        return _moment(rng)
    plus = rng.choice((0.0, rng.uniform(0, 0.4), rng.uniform(0, 4)))
    state = rng.choice(("listening", "whispering", "barging", "opening", "silencing"))
    return Entered(f"v1 {state}", rng.choice((1, 1, 2)), plus)


def _unwilling(rng: Random) -> Behavior:
    return rng.choice(
        (
            Behavior("busy"),
            Behavior("reject", rng.uniform(0.5, 4)),
            Behavior("no_answer"),
            Behavior("unreachable"),
            Behavior(
                "answer_then_hangup", rng.uniform(1, 4), hangup_after_seconds=rng.uniform(0, 4)
            ),
            Behavior("ring"),
        )
    )


@dataclass(frozen=True)
class Scenario:
    """One kind of call, and how often it is played."""

    make: Callable[[Random], Story]
    weight: int


SCENARIOS: dict[str, Scenario] = {
    "warm": Scenario(warm, 24),
    "warm-next": Scenario(warm_next, 12),
    "blond": Scenario(blond, 10),
    "cold": Scenario(cold, 14),
    "cold-next": Scenario(cold_next, 8),
    "screened": Scenario(screened, 8),
    "machine": Scenario(machine, 4),
    "inbound": Scenario(inbound, 6),
    "elsewhere": Scenario(elsewhere, 8),
    "eager": Scenario(eager, 3),
    "worker": Scenario(to_worker, 8),
    "queue": Scenario(to_queue, 8),
    "recorded": Scenario(recorded, 8),
    "held": Scenario(held, 4),
    "supervised": Scenario(supervised, 14),
}

# --- what may go wrong -------------------------------------------------------------------------

WARM_STATES = (
    "holding", "dialing", "consulting", "handing_over", "leaving", "settling", "cancelling",
    "returning", "dropping", "swapping_back", "revisiting", "joining", "awaiting", "connecting",
    "forgoing", "recalling", "diverting",
)  # fmt: skip
ROUTES = (
    "participants.create", "participants.update", "participants.delete", "participants.list",
    "calls.update", "conferences.fetch", "calls.create", "*", "*",
)  # fmt: skip
TASK_ROUTES = ("tasks.create", "tasks.update", "reservations.update", "tasks.fetch", "tasks.list")
EVENTS = ("answered", "completed", "participant-leave", "participant-join", "conference-*", "*")
TASK_EVENTS = ("assignment", "reservation.*", "task.*", "voice")


LONG_SECONDS = 17.0
"""An outage of Twilio that would be longer lasts three times as long."""
CLASSIC = 0.3
"""The part of histories in which one of the situations of `classics.py` is brought about."""
LASTING = 10
"""In every so-manieth history something is away for long besides, and all that goes wrong lasts as
long as it says, also when the transfer is over."""
BY_SDK = 10
"""In every so-manieth history the guardian's lists go through Twilio's SDK like all else."""


def story_of(seed: int, scenario: str = "") -> Story:
    """The story of a seed."""
    rng = Random(f"story {seed}")
    names, weights = list(SCENARIOS), [each.weight for each in SCENARIOS.values()]
    name = scenario or rng.choices(names, weights)[0]
    story = SCENARIOS[name].make(rng)
    acts = [*story.acts, *(_interference(rng) for _ in range(rng.choice((0, 0, 1, 1, 2))))]
    acts = [replace(act, times=2) if rng.random() < 0.1 else act for act in acts]
    count = rng.choices((0, 1, 2, 3, 4), (25, 35, 20, 12, 8))[0]
    faults = [_fault(rng, story.mode == "taskrouter") for _ in range(count)]
    switches = (*story.switches, *_switches(rng, story.mode == "taskrouter"))
    story = replace(
        story,
        seed=seed,
        acts=tuple(acts),
        faults=tuple(faults),
        switches=switches,
        lists_by_sdk=seed % BY_SDK == 0,
    )
    story = with_a_classic(rng, story) if rng.random() < CLASSIC else story
    return story if (seed + LASTING // 2) % LASTING else _lasting(Random(f"lasting {seed}"), story)


def _lasting(rng: Random, story: Story) -> Story:
    count = rng.choice((1, 1, 2))
    away = [
        Fault(_moment(rng), rng.choice((*PROCESS_FAULTS, "twilio_down")), rng.uniform(15, 160))
        for _ in range(count)
    ]
    return replace(story, lasts=True, faults=(*story.faults, *away))


def plain(name: str, lasts: bool = False) -> Story:
    """A scenario on a quiet day: nobody interferes, nothing goes wrong. `lasts` is the story's."""
    story = SCENARIOS[name].make(Random(f"plain {name}"))
    return replace(story, phones=_with_willing(story), lasts=lasts)


def _with_willing(story: Story) -> tuple[tuple[str, tuple[Behavior, ...]], ...]:
    return tuple((who, (answers(2.0 if who != "agent" else 1.0),)) for who, _ in story.phones)


def _interference(rng: Random) -> Act:
    """Somebody does something at a bad moment."""
    moment = _moment(rng)
    who, verb = rng.choice(
        (
            ("caller", "hang_up"), ("caller", "hang_up"), ("agent", "hang_up"),
            ("target", "hang_up"), ("second", "hang_up"), ("target", "reject"),
            ("agent", "complete"), ("agent", "cancel"), ("agent", "cancel"), ("agent", "swap"),
            ("agent", "join"), ("agent", "drop-target"), ("agent", "start_again"),
            ("agent", "start"), ("operator", "operator_cancel"),
            ("stranger", rng.choice(("start", "cancel", "complete", "hold", "resume"))),
        )
    )  # fmt: skip
    return Act(moment, who, verb)  # type: ignore[arg-type]


def _moment(rng: Random) -> Moment:
    """A moment at which something is going on."""
    kind = rng.random()
    plus = rng.choice((0.0, 0.0, rng.uniform(0, 0.3), rng.uniform(0, 3)))
    if kind < 0.35:
        return Entered(rng.choice(WARM_STATES[:11]), plus=plus)
    if kind < 0.6:
        return Request(rng.choice(ROUTES), rng.randint(1, 3), plus)
    if kind < 0.75:
        return Told(rng.choice(EVENTS), rng.randint(1, 3), plus)
    if kind < 0.85:
        return Rings("target", plus=plus)
    return After(rng.uniform(0, 25))


def _fault(rng: Random, has_taskrouter: bool) -> Fault:
    kind = rng.random()
    if kind < 0.5:
        routes = ROUTES + TASK_ROUTES if has_taskrouter else ROUTES
        at = Request(rng.choice(routes), rng.randint(1, 6))
        name = rng.choice(REQUEST_FAULTS)
        if name == "late":
            # A late change of a leg after everything is over is not watched for; a late dial is.
            at = replace(at, route=rng.choice((LATE_ROUTE, LATE_ROUTE)))
        seconds = {"slow": rng.uniform(0.5, 2.4), "late": rng.uniform(2.6, 20)}.get(name, 0.0)
        return Fault(at, name, seconds)
    if kind < 0.75:
        events = EVENTS + TASK_EVENTS if has_taskrouter else EVENTS
        told = Told(rng.choice(events), rng.randint(1, 5))
        name = rng.choice(("lose", "double", "delay", "delay"))
        seconds = (
            0.0 if name == "lose" else rng.choice((0.01, rng.uniform(0, 2), rng.uniform(2, 40)))
        )
        return Fault(told, name, seconds)
    name = rng.choice(
        ("worker_crash", "worker_crash", "worker_crash", "api_crash", "server_crash",
         "twilio_down", "cut_off")
    )  # fmt: skip
    longest = {"worker_crash": 3.0, "twilio_down": 20.0}.get(name, 6.0)
    moment, seconds = _moment(rng), rng.uniform(0.2, longest)
    if name == "twilio_down" and seconds > LONG_SECONDS:
        seconds *= 3  # longer than any one command is tried
    return Fault(moment, name, seconds)


def _switches(rng: Random, has_taskrouter: bool) -> tuple[tuple[str, Any], ...]:
    """What Twilio does where nobody has written it down differs from history to history."""
    found: list[tuple[str, Any]] = []
    if rng.random() < 0.5:
        found.append(("dial_seconds", rng.choice((0.1, 0.6, 2.0))))
    for name, values in (
        ("kicked_leg", ("continue", "hang_up")),
        ("ringing_participants_listed", (True, True, True, False)),
        ("not_connected_status", (404, 400)),
        ("participant_error_status", (400, 404, 409)),
        ("join_event_at", ("answer", "ringing")),
        ("ringing_leg_keeps_room", (True, False)),
    ):
        value = rng.choice(values)
        if value != values[0]:
            found.append((name, value))
    if has_taskrouter and rng.random() < 0.5:
        found.append(("reservation_timer_in_setup", "runs"))
    return tuple(found)
