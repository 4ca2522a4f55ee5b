"""S18 and S23: who has no right to a call changes nothing of it; addresses say nothing of people.

The stranger is an agent of the same contact centre who knows the ids of the call and of its
transfer, and is not on it.
"""

from __future__ import annotations

import re
from typing import Any

STRANGER = "stranger"
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
