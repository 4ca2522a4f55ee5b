"""S18, S23, S27, S28: who has no right to a call changes nothing of it, and whoever has the caller
may; what is refused is as the api tells; addresses say nothing of people.

The stranger is an agent of the same contact centre who knows the ids of the call and of its
transfer, and is not on it.
"""

from __future__ import annotations

import re
from typing import Any

from tests.simulation.stage import desk

STRANGER = "stranger"
CAME_TO_NOTHING = frozenset({"agent_not_released", "provider_unavailable"})
"""Refusals by what was found at Twilio."""
OF_PEOPLE = re.compile(r"(\+|%2B)\d{7,}|(client|sip)(:|%3A)", re.IGNORECASE)
"""A number, or the address of an app or a desk phone, as they would stand in an address."""
ADDRESSES = ("Label", "StatusCallback", "AmdStatusCallback", "Url", "WaitUrl", "HoldUrl",
             "AnnounceUrl", "ConferenceStatusCallback", "FriendlyName")  # fmt: skip
"""Parameters that are kept, logged or fetched in clear."""


async def intrude(director: Any, act: Any, edge: Any, principal: Any, body: dict[str, Any]) -> Any:
    """The stranger asks for something; what the api answers."""
    sid = director.checker.conference_sid()
    key = f"stranger-{act.verb}-{director.stage.loop.time():.3f}"
    if act.verb == "start":
        return await edge.start(principal, body, key)
    if act.verb == "hold":
        return await edge.hold(principal, sid, {}, key)
    if act.verb == "resume":
        return await edge.resume(principal, sid, key)
    return await edge.press(principal, director.transfer_id, act.verb, key)


def turned_away(check: Any, verb: str, answer: Any) -> None:
    """S18: a stranger is refused, as if there were no such call, or not answered at all."""
    if answer.status not in (0, 403, 404, 503):
        check.broken("S18", f"a stranger's {verb} was answered {answer.status} {answer.code}")


def refused_as_told(check: Any, verb: str, answer: Any) -> None:
    """S28: what is refused because it makes no sense now is not among what makes sense now. What
    was begun and came to nothing may be tried again."""
    told = answer.body or {}
    has_begun = told.get("supervisor", {}).get("reason") == told.get("reason", "")
    if (
        answer.code not in CAME_TO_NOTHING
        and answer.status == 409
        and not has_begun
        and verb in told.get("allowed", ())
    ):
        check.broken("S28", f"{verb} is refused, and said to be allowed: {answer.code}")


async def whoever_talks_is_let_in(director: Any) -> None:
    """S27: at rest whoever talks with the caller may see the call, and is shown to be on it; whom
    it shows is there. Supervisors are not the call's people."""
    check, edge = director.checker, director.stage.edge
    caller, sid = check.truth.caller, check.conference_sid()
    is_known = any(run.endswith(f"/{sid}") for run in director.stage.server.runs)
    if caller is None or not sid or not is_known:
        return  # another application's call of which nobody has told us
    legs = check.truth.legs
    talking = {heard for speaker, heard in check.truth.talks if speaker == caller.call.sid}
    ends = [watch.over_at for watch in check.watches.values() if watch.over_at is not None]
    for leg in [legs[each] for each in sorted(talking) if not legs[each].is_supervisor]:
        if ends and leg.joined_at is not None and leg.joined_at > max(ends):
            continue  # Twilio carried a request out long after it was given up.
        answer = await edge.read_call(desk(leg.address), sid)
        if answer.status != 200 and check.was_terminated and "take_over" in check.pressed:
            continue  # let in by a transfer that was ended by force, whose agent was then released
        if answer.status != 200:
            check.broken("S27", f"{leg.address} has the caller, and is answered {answer.status}")
            continue
        there = [each for each in answer.body["people"] if each["presence"] == "present"]
        # Whose address could never be asked for is shown without one.
        shown = {each["address"] for each in there} - {""}
        absent = shown - {each.address for each in legs.values() if each.is_live}
        if check.was_terminated and check.room_sid:
            absent = set()  # the call is another application's, and who knew of it has been ended
        is_known = leg.address in shown or check.was_terminated
        if not is_known or absent:
            check.broken("S27", f"{leg.address} has the caller; on the call, it says: {shown}")


def says_nothing_of_people(check: Any, record: dict[str, Any]) -> None:
    """S23: no number and no name is in what is kept or fetched in clear."""
    params = record["params"]
    texts = {name: str(params[name]) for name in ADDRESSES if name in params}
    for name, text in {"path": record["path"], **texts}.items():
        if OF_PEOPLE.search(text):
            check.broken("S23", f"{name} of {record['route']} names somebody")


def ids_say_nothing_of_people(check: Any) -> None:
    """S23: no workflow's id does, either."""
    for name in check.stage.server.runs:
        if OF_PEOPLE.search(name):
            check.broken("S23", f"the id of a {name.partition('/')[0]} names somebody")


OF_A_REQUEST = (says_nothing_of_people,)
AT_THE_END = (ids_say_nothing_of_people,)
