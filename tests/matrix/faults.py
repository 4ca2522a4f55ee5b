"""Fault -> the ways in which it is put into a step. A cell passes when each of them does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from simulator.core.phones import Behavior
from tests.matrix import stories
from tests.matrix.moments import Asked, Begins, Deed, Enters, Moment
from tests.matrix.steps import FURTHER, STEPS, Step
from tests.matrix.story import Story

WORKER_SECONDS, API_SECONDS, SERVER_SECONDS = 2.0, 3.0, 2.0
CUT_OFF_SECONDS = 4.0
OUTAGE_SECONDS = 600.0
KNOWN_SECONDS = 10.0
"""So long before the start Twilio has gone away."""
WEATHER_SECONDS = 6.0
SKEW_SECONDS = 300.0


@dataclass(frozen=True)
class Way:
    """One way of putting a fault in: the story, and what is then expected."""

    name: str
    story: Story
    code: str
    """As in the page, or the code of another cell that this one stands for."""
    base: Story | None = None
    """The usual course, where it is not that of the step's own story."""


Make = Callable[[str, Step, str], list[Way]]


LAST = ("C8", "W11", "Q11")
"""The end is written when the guarded first seconds have passed."""
GUARDED = frozenset({"F02", "F03", "F11", "F13", "F14", "F30", "F32"})
"""Faults by which callbacks are lost or late, or everything is over before Twilio is back."""


AT_EACH = frozenset({"F01", "F04", "F05", "F08", "F09", "F10", "F17", "F23", "F24"})
"""Faults that are put into each request of a step that has several: those after which it may be
unknown who is heard, and people who go."""


def ways(step_id: str, fault: str, code: str) -> list[Way]:
    """All ways of one cell."""
    found = MAKERS[fault](step_id, STEPS[step_id], code)
    for number, step in enumerate(FURTHER.get(step_id, ()) if fault in AT_EACH else (), 2):
        more = MAKERS[fault](step_id, step, code)
        found += [
            replace(way, name=f"moment {number} {way.name}".strip(), base=step.story)
            for way in more
        ]
    if fault in GUARDED:
        return [replace(way, story=replace(way.story, guarded=True)) for way in found]
    return found


def _just_before(step: Step) -> Moment:
    """The instant at which the step's request arrives and has changed nothing yet."""
    return replace(step.asks, is_before=True) if step.asks is step.at and step.asks else step.at


def _both(step: Step) -> list[tuple[str, Moment]]:
    """Just before the step takes effect, and just after."""
    if step.asks is not None and step.asks is step.at:
        return [("before", _just_before(step)), ("after", step.at)]
    return [("", step.at)]


# --- processes and the ways between them ----------------------------------------------------------


def _worker(what: str, seconds: float) -> Make:
    """A worker dies, or cannot reach Temporal, before the step's request leaves and after it took
    effect: in both cases nobody hears of it."""

    def make(step_id: str, step: Step, code: str) -> list[Way]:
        found = []
        for name, at in _both(step):
            deeds = [Deed(at, what, seconds=seconds)]
            if name == "before" and isinstance(at, Asked):
                deeds.append(Deed(replace(at, is_before=False), "unreachable"))
            found.append(Way(name, step.story.but(*deeds), code))
        return found

    return make


def _outage(what: str, seconds: float) -> Make:
    def make(step_id: str, step: Step, code: str) -> list[Way]:
        return [Way("", step.story.but(Deed(_just_before(step), what, seconds=seconds)), code)]

    return make


def _outage_at_the_answer(what: str, seconds: float, then: str) -> Make:
    """Also: a worker picks up in the middle of it, and Twilio asks us what they shall hear."""
    plainly = _outage(what, seconds)

    def make(step_id: str, step: Step, code: str) -> list[Way]:
        found = plainly(step_id, step, code)
        if step_id == "Q7":
            story = found[0].story.but(target=(Behavior("answer", 2.0),))
            found.append(Way("picked up in it", story, then))
        return found

    return make


def _to_twilio(seconds: float) -> Make:
    """The step's own request is the first that does not get through."""

    def make(step_id: str, step: Step, code: str) -> list[Way]:
        if code == "L":
            # Somebody has found it out before: a worker that asks for what is always there.
            down = Deed(Begins(-KNOWN_SECONDS), "twilio_down", seconds=seconds)
            return [Way("", step.story.but(down), code)]
        deeds = [Deed(_just_before(step), "twilio_down", seconds=seconds)]
        if step.asks is step.at and step.asks is not None:
            deeds.append(Deed(step.asks, "unreachable"))
        return [Way("", step.story.but(*deeds), code)]

    return make


def _request(*kinds: str, times: int = 1) -> Make:
    """What the step's own request meets, or the look that a waiting step takes, or whatever is
    asked next."""

    def make(step_id: str, step: Step, code: str) -> list[Way]:
        found = []
        for kind in kinds:
            deeds: list[Deed] = []
            if step.asks is not None:
                at = step.asks
            elif step.waits:
                # Nothing is told, so that Twilio has to be asked.
                deeds.append(Deed(step.at, "lost", seconds=WEATHER_SECONDS))
                at = Asked("participants.*", state=step.waits, k=_LOOK.get(step_id, 1))
            else:
                at = Asked("*", state="settling")
            deeds.append(Deed(replace(at, times=times), kind))
            found.append(Way(kind, step.story.but(*deeds), code))
        return found

    return make


_LOOK = {"C6": 4, "S2": 2}
"""The first request of a waiting state that is the look: `awaiting` removes the agent first, and a
supervisor is dialled."""


# --- callbacks ------------------------------------------------------------------------------------


def _weather(what: str) -> Make:
    return _outage(what, WEATHER_SECONDS)


def _knock(verb: str) -> Make:
    def make(step_id: str, step: Step, code: str) -> list[Way]:
        return [Way("", step.story.but(Deed(_just_before(step), verb)), code)]

    return make


def _poison(step_id: str, step: Step, code: str) -> list[Way]:
    """At the start a body that cannot have been meant, later callbacks that make no sense."""
    return _knock("misuse" if code == "U" else "poison")(step_id, step, code)


# --- people ---------------------------------------------------------------------------------------


def _person(what: str, who: str) -> Make:
    def make(step_id: str, step: Step, code: str) -> list[Way]:
        if step_id == "CR" and who == "target":
            return _recall_fails(what, step, code)
        if step_id == "CR" and who == "agent":
            # Who is rung there declines.
            return [Way("", step.story.but(Deed(step.at, what, who)), code)]
        return [Way(name, step.story.but(Deed(at, what, who)), code) for name, at in _both(step)]

    return make


def _recall_fails(what: str, step: Step, code: str) -> list[Way]:
    """In the recovery, whoever is rung is the agent."""
    kinds = {"busy": "busy", "reject": "reject", "fail": "unreachable", "quiet": "no_answer"}
    second = Behavior(kinds.get(what, "answer_then_hangup"), hangup_after_seconds=0.1)
    story = step.story.but(agent=(stories.AGENT[0], second))
    return [Way("", story, code)]


def _caller_hangs_up(step_id: str, step: Step, code: str) -> list[Way]:
    if step_id in LAST:
        later = Deed(Enters("settling", 8.0), "hang_up", "caller")
        at_once = Deed(step.at, "hang_up", "caller")
        return [
            Way("at once", step.story.but(at_once), code),
            Way("later", step.story.but(later), "OK"),
        ]
    if isinstance(step.at, Begins):
        # At the same moment as the request, and just before it.
        # A supervisor is rung at once, a transfer looks at the room first.
        at_once = "ES" if step.story.kind == "supervise" else code
        return [
            Way(f"{plus:+.2f} s", step.story.but(Deed(Begins(plus), "hang_up", "caller")), each)
            for plus, each in ((0.0, at_once), (-0.5, code))
        ]
    return _person("hang_up", "caller")(step_id, step, code)


def _agent_hangs_up(step_id: str, step: Step, code: str) -> list[Way]:
    if step_id.startswith("S"):
        return _supervised_agent_hangs_up(step, code)
    if isinstance(step.at, Begins):
        return [Way("-0.50 s", step.story.but(Deed(Begins(-0.5), "hang_up", "agent")), code)]
    if step_id[1:] in ("1", "2") and not step_id.startswith("H"):
        # With its flag still on, Twilio itself would end the room.
        step = replace(step, story=replace(step.story, flagged=False))
    if step_id[1:] == "2" and not step_id.startswith("H"):
        step = replace(step, at=Asked("conferences.fetch"), asks=None)
    found = _person("hang_up", "agent")(step_id, step, code)
    if code == "D" and not step_id.startswith("Q"):
        # And the target does not come: then nobody is left but the recall and the apology.
        alone = step.story.but(Deed(step.at, "hang_up", "agent"), target=(Behavior("no_answer"),))
        found.append(Way("nobody comes", alone, "N"))
    if code == "N" and step_id.startswith("H"):
        # And the recall is not answered: the apology.
        away = step.story.but(
            Deed(step.at, "hang_up", "agent"), agent=(stories.AGENT[0], Behavior("no_answer"))
        )
        found.append(Way("nobody comes", away, code))
    return found


def _supervised_agent_hangs_up(step: Step, code: str) -> list[Way]:
    """An agent whose leg ends the room, and one whose leg does not: then the caller is looked
    after, or goes on talking to whoever else is on the call, whatever Twilio does to a coach."""
    moments = [("", step.at)] if isinstance(step.at, Begins) else _both(step)
    found = []
    for name, at in moments:
        at = Begins(-0.5) if isinstance(at, Begins) else at
        leaves = Deed(at, "hang_up", "agent")
        stays = replace(step.story, flagged=False).but(leaves)
        found.append(Way(f"{name}, the room ends", step.story.but(leaves), code))
        found.append(Way(f"{name}, the caller is alone", stays, code))
    if code != "CO":
        return found
    # Where there is a voice already, and not only an aim.
    at = Enters("v1 whispering", 1.0) if step is STEPS["S3"] else step.at
    for coach in ("stays_coaching", "becomes_muted", "becomes_audible"):
        talked_to = replace(
            step.story.but(Deed(at, "hang_up", "agent")), flagged=False, guests=("second",),
            switches=(("coach_of_one_who_left", coach),),
            phones=(*step.story.phones, ("second", (Behavior("answer", 0.5),))),
        )  # fmt: skip
        found.append(Way(f"another one stays, the coach {coach}", talked_to, "CO follows"))
    return found


def _target_phone(what: str, *kinds: Behavior) -> Make:
    """At the dial the phone is so from the beginning; later it comes to it while it rings."""

    def make(step_id: str, step: Step, code: str) -> list[Way]:
        if step_id == "CR":
            return _recall_fails(what, step, code)
        story, callee = step.story, step.story.callee
        if step.about == callee and step.asks is step.at:
            return [
                Way(kind.kind, _staying(story).but(**{callee: (kind,)}), code) for kind in kinds
            ]
        if what == "quiet":
            return [Way("", story.but(**{callee: (Behavior("no_answer"),)}), code)]
        if step_id == "Q6" and what == "reject":
            # The phone does not ring yet: the offer is declined on the desktop.
            return [Way("", step.story.but(Deed(step.at, "decline", "target")), code)]
        is_there = code == "A" and not step.waits and step.asks is not step.at
        return [Way("", story.but(Deed(step.at, "hang_up" if is_there else what, callee)), code)]

    return make


def _staying(story: Story) -> Story:
    """The agent is still there while the phone is dialled."""
    return replace(story, policy=())


def _target_blocked(step_id: str, step: Step, code: str) -> list[Way]:
    """Also: Twilio refuses to dial the number."""
    found = _target_phone("fail", Behavior("unreachable"))(step_id, step, code)
    if step.asks is step.at and step.about == step.story.callee and step.asks is not None:
        # A task that is refused is offered to nobody: the agent, who has not gone, is left.
        is_task, story = step_id == "Q3", step.story
        story = _staying(story) if is_task else story
        blocked = story.but(Deed(step.asks, "blocked"))
        found.append(Way("blocked", blocked, "A" if is_task else code))
    return found


def _voicemail(step_id: str, step: Step, code: str) -> list[Way]:
    """With answering-machine detection, and without."""
    machine = Behavior("voicemail", 3.0, seconds=3.0)
    story = step.story
    if step_id == "CR":
        return []
    if story.kind == "supervise":
        asked = replace(story, asks=(("detect_machine", True),))
        at_answer = replace(asked, switches=(("amd_joins", "at_answer"),))
        return [
            Way("asked", asked.but(supervisor=(machine,)), "SF machine"),
            Way("asked, joins at once", at_answer.but(supervisor=(machine,)), "SF machine"),
            Way("asked, a person", asked, "OK"),
            Way("unasked", story.but(supervisor=(machine,)), code),
        ]
    if code == "TR":
        # A worker is told apart by the key; unasked, the agent hears the machine.
        options = tuple((who, {**more, "accept": "press_1"}) for who, more in story.targets)
        pressed = Behavior("answer", 5.0, digits="1", digits_after_seconds=2.0)
        asked = replace(story, targets=options).but(target=(machine,), second=(pressed,))
        cancels = Deed(Enters("consulting", 2.0), "cancel", "agent")
        heard = replace(story, deeds=()).but(cancels, target=(machine,))
        return [Way("asked", asked, code), Way("heard", heard, "A")]
    screened = replace(
        story, targets=tuple((who, {**more, "detect_machine": True}) for who, more in story.targets)
    ).but(target=(machine,))
    without = replace(story, deeds=()).but(target=(machine,))
    if code == "VMw":
        cancels = Deed(Enters("consulting", 2.0), "cancel", "agent")
        return [Way("screened", screened, "A"), Way("heard", without.but(cancels), "A")]
    return [Way("screened", screened, "N"), Way("connected", without, "OK")]


def _target_drops(step_id: str, step: Step, code: str) -> list[Way]:
    if step_id == "CR":
        return _recall_fails("drop", step, code)
    if step_id == "Q7":
        # Before the worker is put through, and when the call is theirs.
        early = Behavior("answer_then_hangup", 1.0, hangup_after_seconds=0.05)
        late = Behavior("answer_then_hangup", 1.0, hangup_after_seconds=1.0)
        return [
            Way("picks up and drops", step.story.but(target=(early,)), code),
            Way("takes it and drops", step.story.but(target=(late,)), "A"),
        ]
    callee = step.story.callee
    if step.waits or step_id in ("C5",):
        drops = Behavior("answer_then_hangup", 1.0, hangup_after_seconds=0.4)
        return [Way("", step.story.but(**{callee: (drops,)}), code)]
    if step_id in LAST:
        later = Deed(Enters("settling", 8.0), "hang_up", "target")
        return [
            Way("at once", step.story.but(Deed(step.at, "hang_up", "target")), "N"),
            Way("later", step.story.but(later), "OK"),
        ]
    found = _person("hang_up", callee)(step_id, step, code)
    if step_id == "S4":
        # Once the leg has been ended there is nobody left to hang up.
        return [replace(way, code="OK") if way.name == "after" else way for way in found]
    if step_id == "W9":
        # The look has been taken, and the agent is removed on the strength of it.
        return [replace(way, code="N") if way.name == "after" else way for way in found]
    return found


# --- buttons --------------------------------------------------------------------------------------


def _cancel(step_id: str, step: Step, code: str) -> list[Way]:
    if code == "S":
        again = replace(step.story.deeds[0], at=Enters("cancelling", 0.02))
        return [Way("same key", step.story.but(again), code)]
    verb = {"hold": "resume", "supervise": "leave"}.get(step.story.kind, "cancel")
    who = step.story.starter
    return [
        Way(name, step.story.but(Deed(at, verb, who, detail="taken-back")), code)
        for name, at in _both(step)
    ]


def _twice(step_id: str, step: Step, code: str) -> list[Way]:
    """The start with the same key, and with another one."""
    if code == "S":
        again = Deed(step.at, "start_again", step.story.starter)
        return [Way("", step.story.but(again), code)]
    same = Deed(step.at, "start_again", step.story.starter)
    other = Deed(step.at, "start", step.story.starter, detail="another-key")
    return [Way("", step.story.but(same, other), code)]


def _two_agents(step_id: str, step: Step, code: str) -> list[Way]:
    """Another desk of the same agent, and somebody who is not on the call; or two supervisors."""
    if step.story.kind == "supervise":
        second = Deed(step.at, "start", "observer", detail="b-desk")
        return [Way("", step.story.but(second), code)]
    return [
        Way("desk", step.story.but(Deed(step.at, "start", "agent", detail="a-desk")), "two"),
        Way(
            "stranger", step.story.but(Deed(step.at, "start", "colleague", detail="b-desk")), "two"
        ),
    ]


# --- time, code, and Twilio's own -----------------------------------------------------------------


def _skew(step_id: str, step: Step, code: str) -> list[Way]:
    """The api's clock goes ahead and Twilio's behind, and the other way round."""
    return [
        Way(f"{seconds:+.0f} s", step.story.but(_skewed(step, seconds)), code)
        for seconds in (SKEW_SECONDS, -SKEW_SECONDS)
    ]


def _skewed(step: Step, seconds: float) -> Deed:
    return Deed(_just_before(step), "skew", detail=str(seconds))


def _not_found(step_id: str, step: Step, code: str) -> list[Way]:
    """Whoever the request is about has left without a word; and Twilio is wrong for once."""
    if isinstance(step.at, Begins):
        story = step.story.but(Deed(Begins(-0.05), "vanish", "caller", seconds=WEATHER_SECONDS))
        return [Way("caller", story, code)]
    about = _WHO_IS_MISSED.get(step_id, step.about)
    gone = Deed(_LEAVES.get(step_id, _just_before(step)), "vanish", about, seconds=WEATHER_SECONDS)
    found: list[Way] = []
    if step_id not in ("C4", "W4", "Q3", "CR", "S1"):
        found.append(Way(f"{about} left", step.story.but(gone), _MISSED.get(step_id, f"Y {about}")))
    if step_id == "Q6":
        return found  # the answer to an assignment asks nothing of Twilio
    if step.asks is None and not step.waits:
        # Nothing is asked there: the refusal lies in wait for nobody.
        return [Way("", step.story.but(Deed(Asked("*", state="settling"), "404")), code)]
    if step.asks is not None and "participants.list" not in step.asks.route:
        found.append(Way("once", step.story.but(Deed(step.asks, "404")), "Y once"))
    return found


_WHO_IS_MISSED = {"Q6": "caller"}
"""The worker's phone is not rung yet."""
_LEAVES: dict[str, Moment] = {"Q10": Asked("participants.delete", is_before=True)}
"""The agent's task is ended once the agent's leg is found to be gone."""
_MISSED = {"C2": "Y room", "W2": "Y room", "Q7": "TR"}
"""The agent's exit flag is still on while it is to be switched off. That a worker's phone does not
ring any more TaskRouter knows by itself."""


def _room_ended(step_id: str, step: Step, code: str) -> list[Way]:
    at = Begins(-0.5) if isinstance(step.at, Begins) else _just_before(step)
    return [Way("", step.story.but(Deed(at, "room_ended")), code)]


MAKERS: dict[str, Make] = {
    "F01": _worker("worker_crash", WORKER_SECONDS),
    "F02": _outage_at_the_answer("api_crash", API_SECONDS, then="RT"),
    "F03": _outage_at_the_answer("server_crash", SERVER_SECONDS, then="R"),
    "F04": _worker("partition", WORKER_SECONDS),
    "F05": _to_twilio(CUT_OFF_SECONDS),
    "F06": _request("429", times=2),
    "F07": _request("500", "503"),
    "F08": _request("timeout_before"),
    "F09": _request("timeout_after"),
    "F10": _request("reset_before", "reset_after"),
    "F11": _weather("lost"),
    "F12": _weather("doubled"),
    "F13": _weather("late"),
    "F14": _weather("shuffled"),
    "F15": _knock("forge"),
    "F16": _caller_hangs_up,
    "F17": _agent_hangs_up,
    "F18": _target_phone("busy", Behavior("busy")),
    "F19": _target_phone("quiet", Behavior("no_answer")),
    "F20": _target_blocked,
    "F21": _voicemail,
    "F22": _target_phone("reject", Behavior("reject", 1.0)),
    "F23": _target_drops,
    "F24": _cancel,
    "F25": _twice,
    "F26": _two_agents,
    "F27": _outage("deployment", 0.0),
    "F28": _skew,
    "F29": _poison,
    "F30": _not_found,
    "F31": _room_ended,
    "F32": _to_twilio(OUTAGE_SECONDS),
}
