"""What must have come of a supervisor, code by code; used like the checks in `outcomes.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.matrix.run import Played

Complaints = Iterator[str]

END_SECONDS = 60.0
"""Until a supervision has ended after its call, faults of Twilio's included."""


def _call_over(played: Played, base: Played) -> Complaints:
    """The call is over, or its agent is gone: the supervision ends, with the supervisor's leg."""
    seen = played.seen
    if (seen.view.get("phase"), played.state) != ("over", "left"):
        yield f"the supervision is {seen.view.get('phase')}, the supervisor {played.state}"
    if "supervisor" in seen.live:
        yield f"still up: {seen.live}"
    took = seen.ended_at - seen.struck_at
    if took > END_SECONDS:
        yield f"the end came {took:.1f} s after it"


def _coached_gone(played: Played, base: Played) -> Complaints:
    """Whoever was whispered to is gone: nobody hears the supervisor who did not before."""
    yield from _call_over(played, base)
    yield from _heard_by(played, base, set())


def _coached_gone_from_others(played: Played, base: Played) -> Complaints:
    """The same, and the call goes on: the supervisor follows it to whoever is with the caller."""
    seen = played.seen
    if (seen.view.get("phase"), played.state) != ("over", "left"):
        yield f"the supervision is {seen.view.get('phase')}, the supervisor {played.state}"
    if seen.together != {"caller second"} or seen.live != ["caller", "second"]:
        yield f"up: {seen.live}, together: {seen.together}"
    yield from _heard_by(played, base, {"supervisor by second"})


def _heard_by(played: Played, base: Played, more: set[str]) -> Complaints:
    """For how long a coach may be heard whom the network makes audible is the checker's matter."""
    if dict(played.story.switches).get("coach_of_one_who_left") == "becomes_audible":
        return
    meant = {"supervisor by agent", *more, *base.seen.heard}
    for each in sorted(played.seen.heard - meant):
        if each.startswith("supervisor by"):
            yield f"{each} was heard"


def gone(played: Played, base: Played) -> Complaints:
    """The supervisor is not there, and the call is as it was."""
    seen = played.seen
    if (seen.view.get("phase"), played.state) != ("over", "left"):
        yield f"the supervision is {seen.view.get('phase')}, the supervisor {played.state}"
    if seen.live != ["agent", "caller"] or seen.together != {"agent caller"}:
        yield f"up: {seen.live}, together: {seen.together}"
    if seen.held or seen.flagged != {"agent"}:
        yield f"on hold: {seen.held}, exit flags: {seen.flagged}"
    if set(seen.rung) - {"supervisor"}:
        yield f"phones rang: {seen.rung}"


def _not_reached(played: Played, base: Played) -> Complaints:
    yield from gone(played, base)
    has_asked_to = any(each.verb == "leave" for each in played.seen.said)
    if not played.reason and not has_asked_to:
        yield "nobody is told why"


def _machine(played: Played, base: Played) -> Complaints:
    """A mailbox hangs up by itself at some time; this one was hung up on, and never heard."""
    yield from gone(played, base)
    if played.reason != "machine":
        yield f"the reason is {played.reason}"
    for each in sorted(played.seen.heard):
        if each.startswith("supervisor by"):
            yield f"{each} was heard"


def _each_own(played: Played, base: Played) -> Complaints:
    """Two supervisors, two legs with a label each, and neither disturbs the other."""
    if played.course != base.course:
        yield f"the course was {played.course}, not {base.course}"
    if played.seen.live != ["agent", "caller"] or played.seen.together != {"agent caller"}:
        yield f"up: {played.seen.live}, together: {played.seen.together}"
    labels = {each.answer.body["id"] for each in played.seen.said if each.verb == "start"}
    if len(labels) != 2:
        yield f"supervisors: {labels}"
    if played.seen.rung != {"supervisor": 1, "observer": 1}:
        yield f"phones rang: {played.seen.rung}"
    if not {"caller by observer", "agent by observer"} <= played.seen.heard:
        yield f"the observer did not hear the call: {sorted(played.seen.heard)}"


CHECKS: dict[str, Callable[[Played, Played], Complaints]] = {
    "ES": _call_over,
    "CO": _coached_gone,
    "CO follows": _coached_gone_from_others,
    "SF": _not_reached,
    "SF machine": _machine,
    "SX": gone,
    "SS": _each_own,
    "Y supervisor": _not_reached,
}
