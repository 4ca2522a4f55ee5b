"""What to do for a call whose supervisors nobody answers for any more. Pure.

Nobody whom no workflow keeps from being heard may stay in a call: each is muted first, so that what
was meant for the agent reaches nobody while the leg is being ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from activities.guardian.remedy import END_LEG, MUTE, Step
from activities.owners import Owner, Person
from activities.room import CONNECTED, ENDED, Room, RoomLeg

TAKING_OVER = "taking_over"
"""The state of a supervisor who becomes the agent once the agent has been removed."""


def without_supervisors(
    dead: Owner, room: Room, live: Collection[str], others: Iterable[Owner]
) -> tuple[Step, ...]:
    """The supervisors of `dead` muted, where they could be heard, and ended.

    Also those in the room of whom it had not learnt, by their labels. `live` are the calls that
    are not over; `others` are the other owners of the call, as they are known, running or not.
    Spared are the supervisors of another supervision, and whoever has become the agent.
    """
    others = tuple(others)
    spared = {
        person.call_sid or person.label
        for owner in others
        for person in owner.people
        if owner.is_running or not owner.is_supervision
    }
    mine = [each for each in dead.supervisors if not _has_taken_over(each, dead, room)]
    known = {key for each in dead.people for key in (each.call_sid, each.label) if key}
    strays = [
        leg
        for leg in room.legs
        if leg.is_supervisor
        and leg.status != ENDED
        and not known & {leg.call_sid, leg.label}
        and not spared & {leg.call_sid, leg.label}
    ]
    legs = [leg for each in mine if (leg := room.find(each.call_sid, each.label))] + strays
    shown = {leg.call_sid for leg in legs}
    unseen = [each for each in mine if room.find(each.call_sid, each.label) is None]
    return (
        *_silent_and_out(leg for leg in legs if leg.status != ENDED),
        *(Step(END_LEG, each.call_sid) for each in unseen if each.call_sid in set(live) - shown),
        *(_sought(each) for each in unseen if not each.call_sid),
    )


def without_owner(room: Room) -> tuple[Step, ...]:
    """The same for a room in which no workflow was ever known."""
    return _silent_and_out(leg for leg in room.legs if leg.is_supervisor and leg.status != ENDED)


def silencing(steps: Iterable[Step], room: Room) -> tuple[Step, ...]:
    """These steps, each leg that is ended with its coaches muted before: what becomes of a coach
    whose coached participant leaves is not documented, at worst everybody hears the coach."""
    found: list[Step] = []
    for step in steps:
        if step.what == END_LEG and step.key:
            coaches = (leg for leg in room.coaches_of(step.key) if _may_be_heard(leg))
            found += [Step(MUTE, leg.call_sid) for leg in coaches]
        found.append(step)
    return tuple(found)


def _has_taken_over(supervisor: Person, dead: Owner, room: Room) -> bool:
    """Whether the removal of the agent was the last thing that the supervision did."""
    mine, agent = room.find(supervisor.call_sid), room.find(dead.leg("agent").call_sid)
    is_agent_gone = agent is None or agent.status != CONNECTED
    is_heard = mine is not None and _may_be_heard(mine) and not mine.coaching
    return supervisor.state == TAKING_OVER and is_agent_gone and is_heard


def _silent_and_out(legs: Iterable[RoomLeg]) -> tuple[Step, ...]:
    """All of them are silent before the first is ended."""
    legs = tuple(legs)
    return (
        *(Step(MUTE, leg.call_sid) for leg in legs if _may_be_heard(leg)),
        *(Step(END_LEG, leg.call_sid) for leg in legs),
    )


def _may_be_heard(leg: RoomLeg) -> bool:
    return leg.status == CONNECTED and not leg.muted


def _sought(supervisor: Person) -> Step:
    """One whose phone was about to be rung: the leg may still appear."""
    return Step(
        END_LEG,
        label=supervisor.label,
        address=supervisor.address,
        dialed_at=supervisor.dialed_at,
        may_appear=True,
    )
