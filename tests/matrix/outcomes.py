"""Code -> what must be so, looked up in what can be seen from outside: one small check per code.

A check answers complaints in words; none means that the cell passes. The usual end is that of the
same story played without the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.matrix import supervised
from tests.matrix.faults import Way
from tests.matrix.run import Played, play
from tests.matrix.story import Said, Story

Complaints = Iterator[str]
Check = Callable[[Played, Played], Complaints]

E_SECONDS = 60.0
"""Until every leg of ours is down after the caller has gone, faults of Twilio's included."""
ASKED_MAX = 300
"""Requests to Twilio in ten minutes of outage: more would be a busy loop."""
EXTRA_SECONDS = 60.0
"""How much longer a story may take because of a fault that it survives."""
WRITES = ("participants.create", "participants.delete", "calls.create", "tasks.create")
BACK = frozenset({"failed", "cancelled", "resumed"})
"""The caller is with the agent again."""
AWAY = frozenset({"abandoned", "failed", "diverted", "ended"})


_USUAL: dict[str, Played] = {}


def usual(story: Story) -> Played:
    """The same story with nothing but its own course; played once."""
    key = repr(story)
    if key not in _USUAL:
        _USUAL[key] = play(story)
    return _USUAL[key]


def complaints(way: Way, base: Story) -> list[str]:
    """What is wrong with one way of a cell, and the ladder if anything is."""
    played = play(way.story)
    found = [f"invariant {each}" for each in played.broken if not _is_allowed(way, each)]
    found += CHECKS.get(way.code, _unsaid)(played, usual(base))
    planned = [deed for deed in way.story.deeds if deed not in base.deeds]
    has_happened = any(deed in played.seen.struck for deed in planned)
    if planned and not has_happened and way.code not in ("OK", "K", "A/K"):
        found.append(f"nothing of it happened: {[str(each) for each in planned]}")
    if found:
        found.append(played.story_so_far())
    return found


def _unsaid(played: Played, base: Played) -> Complaints:
    yield "nobody has said yet how this code is checked here"


def _is_allowed(way: Way, broken: str) -> bool:
    """The simulation's faults last for seconds; in ten minutes more is asked of Twilio, which the
    checks of those cells bound by themselves."""
    is_long = any(deed.seconds >= 600.0 for deed in way.story.deeds)
    return is_long and broken.startswith("S25:")


# --- the usual end --------------------------------------------------------------------------------


def _usual(played: Played, base: Played) -> Complaints:
    seen, plain = played.seen, base.seen
    if (played.state, played.reason) != (base.state, base.reason):
        yield f"ended {played.state}: {played.reason}, not {base.state}: {base.reason}"
    if seen.together != plain.together:
        yield f"together in the end: {seen.together}, not {plain.together}"
    if seen.live != plain.live:
        yield f"legs in the end: {seen.live}, not {plain.live}"
    if seen.held != plain.held or seen.flagged != plain.flagged:
        yield f"held {seen.held}, exit flags {seen.flagged}; not {plain.held}, {plain.flagged}"
    yield from _not_twice(played, base)
    took, usually = seen.ended_at - seen.began_at, plain.ended_at - plain.began_at
    if took > usually + EXTRA_SECONDS:
        yield f"it took {took:.1f} s instead of {usually:.1f} s"


def _not_twice(played: Played, base: Played) -> Complaints:
    """Nothing is done twice: no second phone rings, no second task, no second removal."""
    if played.seen.rung != base.seen.rung:
        yield f"phones rang {played.seen.rung}, not {base.seen.rung}"
    for route in WRITES:
        before, after = base.seen.effects[route], played.seen.effects[route]
        if after > before:
            yield f"{after} {route} took effect, not {before}"


def _back(played: Played, base: Played) -> Complaints:
    """The usual end, and where Twilio refused or did not answer, it was asked again."""
    yield from _usual(played, base)
    met = [r for r in played.seen.requests if r.met]
    if met and not any(
        r.route == met[-1].route and r.at > met[-1].at for r in played.seen.requests
    ):
        followed = [r for r in played.seen.requests if r.at > met[-1].at]
        if not followed:
            yield f"{met[-1].route} met {met[-1].met} and nothing was asked after it"


def _looked_for(played: Played, base: Played) -> Complaints:
    """Before anything is created again, it is looked for."""
    yield from _usual(played, base)
    creates = [i for i, r in enumerate(played.seen.requests) if r.route.endswith("s.create")]
    for first, second in pairwise(creates):
        between = played.seen.requests[first + 1 : second]
        one, other = played.seen.requests[first], played.seen.requests[second]
        is_same = one.form.get("Label", one.route) == other.form.get("Label", other.route)
        looks = [
            r for r in between if r.route in ("participants.fetch", "calls.list", "tasks.list")
        ]
        if is_same and one.met not in ("429", "503", "unreachable", "") and not looks:
            yield "created again without a look"


def _repeated(played: Played, base: Played) -> Complaints:
    """Repetitions change nothing: the same states in the same order."""
    yield from _usual(played, base)
    if played.course != base.course:
        yield f"the course was {played.course}, not {base.course}"


def _unmoved(played: Played, base: Played) -> Complaints:
    """The usual end. Where a person left in the end, the call is over, and that is all."""
    gone = [d for d in played.seen.struck if d.what in ("hang_up", "vanish", "room_ended")]
    if not gone or not any(each.who in base.seen.live or not each.who for each in gone):
        yield from _usual(played, base)
        return
    if (played.state, played.reason) != (base.state, base.reason):
        yield f"ended {played.state}: {played.reason}, not {base.state}: {base.reason}"
    if played.seen.live:
        yield f"still up: {played.seen.live}"
    yield from _not_twice(played, base)


# --- ends of another kind -------------------------------------------------------------------------


def _caller_gone(played: Played, base: Played) -> Complaints:
    if (played.state, played.reason) != ("abandoned", "caller_hung_up"):
        yield f"ended {played.state}: {played.reason}, not abandoned: caller_hung_up"
    yield from _nobody_left(played)


def _nobody_left(played: Played) -> Complaints:
    seen = played.seen
    if seen.live:
        yield f"still up: {seen.live}"
    took = seen.ended_at - seen.struck_at
    if took > E_SECONDS:
        yield f"the end came {took:.1f} s after it"


def _never_begun(played: Played, base: Played) -> Complaints:
    seen = played.seen
    first = seen.said[0].answer
    ends = ("call_not_active", "agent_not_on_call", "caller_hung_up")
    if first.status not in (404, 409) and played.reason not in ends:
        yield f"the start: {first.status} {first.code}; ended {played.state}: {played.reason}"
    if played.story.callee in seen.rung:
        yield f"the {played.story.callee}'s phone rang"
    if seen.live and seen.live != ["agent", "caller"]:
        yield f"still up: {seen.live}"


def _blond(played: Played, base: Played) -> Complaints:
    """The agent has gone; the target is rung for the caller alone."""
    if played.state != "completed" or played.seen.together != {"caller target"}:
        yield f"ended {played.state}: {played.reason} with {played.seen.together}"
    yield from _not_twice(played, base)
    if "agent" in played.seen.live:
        yield "the agent is still there"


def _by_hangup(played: Played, base: Played) -> Complaints:
    if played.reason != "completed_by_hangup":
        yield f"the reason is {played.reason}"
    yield from _blond(played, base)


def _given_back(played: Played, base: Played) -> Complaints:
    seen = played.seen
    if played.state not in BACK:
        yield f"ended {played.state}: {played.reason}"
    if seen.live != ["agent", "caller"] or seen.together != {"agent caller"}:
        yield f"up: {seen.live}, together: {seen.together}"
    if seen.held:
        yield f"still on hold: {seen.held}"
    if seen.flagged != {"agent"}:
        yield f"exit flags: {seen.flagged}, before the transfer the agent's was on"
    if seen.rung.get("agent", 0):
        yield "the agent was rung again"


def _nobody(played: Played, base: Played) -> Complaints:
    """Next target, the agent who is rung back, the apology; never silence."""
    seen = played.seen
    if played.state in BACK:
        if seen.together != {"agent caller"} or seen.held:
            yield f"{played.state}, and together: {seen.together}, on hold: {seen.held}"
        if not seen.rung.get("agent"):
            yield "the agent was not rung back"
    elif played.state != "diverted":
        yield f"ended {played.state}: {played.reason}"
    if "target" in seen.live:
        yield "the target's leg is still up"
    if played.state == "diverted" and not any("sorry" in each for each in seen.audio):
        yield f"the caller did not hear the apology but {seen.audio}"


def _guarded(played: Played, base: Played) -> Complaints:
    yield from _nobody(played, base)


def _too_late(played: Played, base: Played) -> Complaints:
    """Refused with 409, and nothing else changes."""
    yield from _usual(played, base)
    refused = [each for each in played.seen.said if each.answer.status == 409]
    if not refused:
        yield f"nobody was told 409: {_answers(played)}"
    for each in refused:
        if each.verb == "start" and each.answer.code not in _IN_PROGRESS:
            yield f"{each.verb} -> {each.answer.code}"


def _two_at_once(played: Played, base: Played) -> Complaints:
    """One transfer, the other start refused; who is not on the call learns nothing of it."""
    yield from _usual(played, base)
    starts = [each for each in played.seen.said if each.verb == "start"]
    accepted = {each.answer.body["id"] for each in starts if each.answer.is_ok}
    if len(accepted) != 1:
        yield f"transfers accepted: {accepted}"
    for each in starts:
        if each.answer.is_ok:
            continue
        is_desk = each.key != "b-desk"
        if (each.answer.status, each.answer.code) not in _REFUSED_STARTS[is_desk]:
            yield f"{each.who} was told {each.answer.status} {each.answer.code}"
    if len(starts) < 2:
        yield "there was one start only"


_IN_PROGRESS = ("transfer_in_progress", "hold_in_progress", "supervises_already")
_OVER = (409, "call_not_active")
_REFUSED_STARTS = {
    True: (*((409, each) for each in _IN_PROGRESS), _OVER, (403, "not_on_call")),
    False: ((403, "not_on_call"), (403, "not_your_call"), (404, "not_found"),
            (409, "transfer_in_progress")),
}  # fmt: skip


def _answers(played: Played) -> list[str]:
    return [f"{e.verb} {e.key} -> {e.answer.status} {e.answer.code}" for e in played.seen.said]


def _same_answer(played: Played, base: Played) -> Complaints:
    """The same key: the same transfer, whatever the verb."""
    yield from _usual(played, base)
    by_key: dict[str, list[Said]] = {}
    for each in played.seen.said:
        by_key.setdefault(each.key, []).append(each)
    for key, each_of in by_key.items():
        if len({each.answer.body.get("id") for each in each_of if each.answer.is_ok}) > 1:
            yield f"{key} was answered with different transfers"
        if any(each.answer.status not in (0, 200, 202, 204) for each in each_of):
            yield f"{key}: {[each.answer.status for each in each_of]}"
    if not any(len(each_of) > 1 for each_of in by_key.values()):
        yield f"nothing was repeated: {_answers(played)}"


def _same_or_refused(played: Played, base: Played) -> Complaints:
    """The same key: the same transfer. Another key: 409 with the one that runs."""
    yield from _usual(played, base)
    starts = [each for each in played.seen.said if each.verb == "start"]
    same = [each.answer for each in starts if each.key == "key-of-the-first"]
    other = [each.answer for each in starts if each.key != "key-of-the-first"]
    accepted = [each for each in (*same, *other) if each.is_ok]
    if len({each.body["id"] for each in accepted}) != 1:
        yield f"different transfers: {_answers(played)}"
    first = next((each.key for each in starts if each.answer.is_ok), "")
    if first == "key-of-the-first" and (len(same) < 2 or not all(e.is_ok for e in same)):
        yield f"the same key was not answered the same: {_answers(played)}"
    losers = other if first == "key-of-the-first" else same
    for each in losers:
        if (each.status, each.code) not in _REFUSED_STARTS[True]:
            yield f"another key was told {each.status} {each.code}"
    if not other:
        yield "there was no start with another key"


def _at_once_taken_back(played: Played, base: Played) -> Complaints:
    yield from _given_back(played, base)
    if played.state not in ("cancelled", "resumed"):
        yield f"ended {played.state}: {played.reason}"
    if played.seen.rung:
        yield f"phones rang: {played.seen.rung}"


def _accepted_for_good(played: Played, base: Played) -> Complaints:
    yield from _usual(played, base)
    if not any(each.answer.status == 202 for each in played.seen.said):
        yield f"never accepted: {_answers(played)}"


def _refused_for_now(played: Played, base: Played) -> Complaints:
    """503 first; the same key later; and then it is the usual course."""
    first = played.seen.said[0].answer
    if first.status != 503:
        yield f"the first answer was {first.status} {first.code}, not 503"
    yield from _usual_later(played, base)


def _usual_later(played: Played, base: Played) -> Complaints:
    for each in _usual(played, base):
        if not each.startswith("it took"):
            yield each


def _by_the_end(played: Played, base: Played) -> Complaints:
    """Twilio is away for ten minutes: nothing moves there, and whoever waits has a way out."""
    seen = played.seen
    if played.story.kind == "supervise":
        yield from supervised.gone(played, base)
        if seen.tries > ASKED_MAX:
            yield f"{seen.tries} requests were tried in the outage"
        return
    if played.state not in AWAY | BACK | {"completed"}:
        yield f"it has not ended: {played.state}"
    if seen.tries > ASKED_MAX:
        yield f"{seen.tries} requests were tried in the outage"
    if "caller" in seen.live:
        is_away = played.state == "diverted"
        if (seen.hears["caller"] == "silence" and not is_away) or "caller" in seen.held:
            yield f"the caller hears {seen.hears['caller']}, on hold: {'caller' in seen.held}"
    elif not seen.live:
        return
    else:
        yield f"the caller is gone, and up are {seen.live}"


def _once_not_found(played: Played, base: Played) -> Complaints:
    """Twilio was wrong for once: whoever was there is not dropped for it."""
    seen = played.seen
    if played.state == "diverted":
        yield from _nobody(played, base)
    elif "caller" not in seen.live:
        yield f"the caller has been dropped: {seen.live}"
    elif not any("caller" in pair.split() for pair in seen.together) and (
        played.state != "diverted"
    ):
        yield f"the caller is with nobody: {played.state}, {seen.live}"
    if "caller" in seen.held:
        yield "the caller is still on hold"


def _caller_left(played: Played, base: Played) -> Complaints:
    if played.state not in AWAY | {"completed", "resumed"}:
        yield f"ended {played.state}"
    yield from _nobody_left(played)


def _agent_left(played: Played, base: Played) -> Complaints:
    """As D, C or OK: caller and target talk."""
    yield from _blond(played, base)


def _target_left(played: Played, base: Played) -> Complaints:
    """As A while the agent is there, else as N."""
    if "agent" in played.seen.rung or played.state == "diverted":
        yield from _nobody(played, base)
    else:
        yield from _given_back(played, base)


def _room_gone(played: Played, base: Played) -> Complaints:
    seen = played.seen
    if played.state not in AWAY:
        yield f"ended {played.state}: {played.reason}"
    if [each for each in seen.live if each != "caller"]:
        yield f"still up: {seen.live}"
    if "caller" in seen.live and played.state != "diverted":
        yield f"the caller is up, and the transfer {played.state}"
    took = seen.ended_at - seen.struck_at
    if took > E_SECONDS:
        yield f"the end came {took:.1f} s after it"


def _knocked(statuses: tuple[int, ...]) -> Check:
    def check(played: Played, base: Played) -> Complaints:
        yield from _repeated(played, base)
        knocks = played.seen.knocks
        if not knocks:
            yield "nobody knocked"
        for name, status in knocks:
            if status not in statuses:
                yield f"{name} was answered {status}"

    return check


def _replayed(played: Played, base: Played) -> Complaints:
    yield from _repeated(played, base)
    if not played.seen.replays:
        yield "nothing was replayed"


def _next_worker(played: Played, base: Played) -> Complaints:
    """Somebody of the queue has taken the call, and it was offered again."""
    seen = played.seen
    if played.state != "completed" or seen.together not in ({"caller second"}, {"caller target"}):
        yield f"ended {played.state}: {played.reason} with {seen.together}"
    if not seen.rung.get("second") and seen.rung.get("target", 0) < 1:
        yield f"nobody else was rung: {seen.rung}"
    if len(seen.live) != 2:
        yield f"legs in the end: {seen.live}"


def _back_or_too_late(played: Played, base: Played) -> Complaints:
    """While the agent is there the caller comes back; else it is too late."""
    if any(each.verb == "cancel" and each.answer.is_ok for each in played.seen.said):
        yield from _given_back(played, base)
    else:
        yield from _too_late(played, base)


CHECKS: dict[str, Check] = {
    "OK": _unmoved,
    "OK+": _accepted_for_good,
    "R": _usual,
    "B": _back,
    "Bi": _back,
    "V": _looked_for,
    "P": _usual,
    "I": _repeated,
    "M": _usual,
    "T": _usual,
    "G": _replayed,
    "403": _knocked((403,)),
    "Z": _knocked((200, 204, 400, 403, 404, 405, 413, 415, 422)),
    "U": _knocked((400, 413, 415, 422)),
    "E": _caller_gone,
    "EH": _caller_gone,
    "E0": _never_begun,
    "D": _blond,
    "C": _by_hangup,
    "A": _given_back,
    "N": _nobody,
    "G1": _guarded,
    "K": _too_late,
    "S": _same_answer,
    "S/K": _same_or_refused,
    "X0": _at_once_taken_back,
    "L": _refused_for_now,
    "HP": _by_the_end,
    "J": _room_gone,
    "Y caller": _caller_left,
    "Y agent": _agent_left,
    "Y target": _target_left,
    "Y room": _room_gone,
    "Y once": _once_not_found,
    "TR": _next_worker,
    "RT": _next_worker,
    "A/K": _back_or_too_late,
    "two": _two_at_once,
    **supervised.CHECKS,
}
