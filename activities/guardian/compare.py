"""Beliefs held against a look: where they differ. Pure, so that every difference can be tried.

A difference is a suspicion, not yet a finding: lists are not made in one moment, and a report may
be on its way. The same comparison over fresh readings of what is suspected makes it one.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from activities.guardian.look import CallSeen, Look
from activities.owners import Owner, Person
from activities.room import CONNECTED, ENDED
from activities.task_marks import is_of_task

LEG_ENDED = "leg_ended"
"""Believed on the line, and its call is over."""
LEG_MOVED_ON = "leg_moved_on"
"""Ended or not in the room, because somebody who knows better has let it go, or sent it elsewhere,
since: no news was lost."""
LEG_ANSWERED = "leg_answered"
"""Believed to ring, and picked up."""
LEG_JOINED = "leg_joined"
"""Believed on its way, and in the room."""
LEG_JUDGED = "leg_judged"
"""Picked up and being screened, and Twilio says whether by a person or by a machine."""
LEG_LEFT = "leg_left"
"""Believed in the room, and not there, though its call goes on."""
HOLD_DIFFERS = "hold_differs"
"""Believed on hold and not, or the other way round."""
LEG_AWAITED = "leg_awaited"
"""Nothing differs that a list shows; whether the leg is in the room by now must be asked."""
ROOM_ENDED = "room_ended"
"""Believed live, and over."""

OWNER_CUT_OFF = "owner_cut_off"
"""A workflow was ended from outside or by a bug, and nobody has taken its place."""
OWNER_STUCK = "owner_stuck"
"""A workflow runs, and its code fails at the next step again and again."""
OWNER_OVERDUE = "owner_overdue"
"""A state's time was up long ago, and nothing has come of it."""
TASK_LEFT = "task_left"
"""A task is open that nobody works on any more."""
LEG_STRAY = "leg_stray"
"""A leg of ours is on a call that goes on, and nobody wants it any more."""
ROOM_UNOWNED = "room_unowned"
"""Legs of ours are in a room in which no workflow was ever known."""

OVERDUE_SECONDS = 20.0
"""Past its deadline: time enough for a worker to die and for another to take over."""

NO_KINDS: Mapping[str, str] = {}

_RINGS = frozenset({"dialed", "ringing"})
_COMES_BY_ITSELF = frozenset({"dialed", "ringing", "screened"})


@dataclass(frozen=True)
class Suspicion:
    """One difference between an owner's belief and a look."""

    kind: str
    owner: Owner
    person: Person | None = None
    seen: CallSeen | None = None

    @property
    def key(self) -> str:
        """The same for the same difference of the same run."""
        return f"{self.subject}/{self.kind}"

    @property
    def subject(self) -> str:
        """The same for the same leg, or room, of the same run."""
        leg = self.person.key if self.person else self.owner.conference_sid
        return f"{self.owner.run_id}/{leg}"


def differences(
    owners: Iterable[Owner],
    look: Look,
    silent_while: Mapping[str, str] = NO_KINDS,
    knows_holds: Container[str] = (),
) -> list[Suspicion]:
    """Every difference, the caller's end first, then the room's, then the others: whoever hears
    them in this order hears causes before consequences.

    `silent_while` maps a kind of owner to the kind that knows better while it runs: of such an
    owner only the end of its room counts. `knows_holds` are the kinds that say who is on hold.
    """
    owners = list(owners)
    known = {(each.kind, each.conference_sid): each for each in owners}
    found: list[Suspicion] = []
    for owner in owners:
        if not owner.is_running or not owner.conference_sid or not _is_about_somebody(owner):
            continue
        if owner.conference_sid not in look.rooms:
            found.append(Suspicion(ROOM_ENDED, owner))
        better = known.get((silent_while.get(owner.kind, ""), owner.conference_sid))
        if better is not None and better.is_running:
            continue
        for person in owner.people:
            difference = _of_person(owner, person, look, owner.kind in knows_holds)
            if difference is not None:
                found.append(_explained(difference, better))
    return sorted(found, key=_rank)


def abandoned(
    cut_off: Iterable[Owner], running: Iterable[Owner], silent_while: Mapping[str, str] = NO_KINDS
) -> list[Suspicion]:
    """Those who were cut off and in whose place nobody runs: of each, the last run.

    Who has somebody better beside it is left alone until that one has ended as well. Supervisors
    are looked after whoever runs: nobody else knows of them.
    """
    alive = {each.workflow_id for each in running}
    last: dict[str, Owner] = {}
    supervisions: list[Owner] = []
    for owner in sorted(cut_off, key=lambda each: each.closed_at):
        better = silent_while.get(owner.kind)
        is_looked_after = f"{better}/{owner.conference_sid}" in alive
        if owner.conference_sid and owner.is_supervision:
            supervisions.append(owner)
        elif owner.conference_sid and owner.workflow_id not in alive and not is_looked_after:
            last[owner.workflow_id] = owner
    return [Suspicion(OWNER_CUT_OFF, owner) for owner in (*supervisions, *last.values())]


def overdue(running: Iterable[Owner], now: float) -> list[Suspicion]:
    """Those whose state should have ended by now."""
    return [
        Suspicion(OWNER_OVERDUE, owner)
        for owner in running
        if owner.deadline_at is not None and now - owner.deadline_at > OVERDUE_SECONDS
    ]


def _is_about_somebody(owner: Owner) -> bool:
    return owner.is_asking or any(each.is_on_the_line for each in owner.people)


def _of_person(owner: Owner, person: Person, look: Look, knows_holds: bool) -> Suspicion | None:
    if not person.is_on_the_line:
        return None
    seen = look.calls.get(person.key)
    if not person.call_sid and seen is None:
        # Its SID is not known yet, so no list can show it.
        is_awaited = person.presence in _COMES_BY_ITSELF and bool(person.label)
        return Suspicion(LEG_AWAITED, owner, person) if is_awaited else None
    if seen is None or seen.status == ENDED:
        return Suspicion(LEG_ENDED, owner, person, seen)
    if seen.status != CONNECTED or person.presence not in _COMES_BY_ITSELF:
        return _in_room(owner, person, seen, knows_holds)
    joins_itself = is_of_task(person.label)
    if seen.is_in_room and (joins_itself or person.presence in _RINGS):
        return Suspicion(LEG_JOINED, owner, person, seen)
    if person.presence in _RINGS:
        return Suspicion(LEG_ANSWERED, owner, person, seen)
    if joins_itself and seen.is_in_room is None:
        return Suspicion(LEG_AWAITED, owner, person, seen)
    return Suspicion(LEG_JUDGED, owner, person, seen) if seen.answered_by else None


def _in_room(owner: Owner, person: Person, seen: CallSeen, knows_holds: bool) -> Suspicion | None:
    """What the room says of somebody who should be in it; nothing if the room was not read."""
    if person.presence != "present" or seen.status != CONNECTED or seen.is_in_room is None:
        return None
    if not seen.is_in_room:
        return Suspicion(LEG_LEFT, owner, person, seen)
    if knows_holds and seen.held is not person.held:
        return Suspicion(HOLD_DIFFERS, owner, person, seen)
    return None


def _explained(difference: Suspicion, better: Owner | None) -> Suspicion:
    """The difference, or what it is if who knew better has ended since the owner last heard."""
    is_gone = difference.kind in (LEG_ENDED, LEG_LEFT)
    if not is_gone or better is None or difference.person is None:
        return difference
    last = better.person(difference.person.call_sid)
    was_there = last is not None and last.presence == "present"
    if was_there or better.closed_at < difference.owner.since:
        return difference
    return replace(difference, kind=LEG_MOVED_ON)


def _rank(suspicion: Suspicion) -> int:
    is_caller = suspicion.person is not None and suspicion.person.party == "caller"
    if suspicion.kind == LEG_ENDED and is_caller:
        return 0
    return 1 if suspicion.kind == ROOM_ENDED else 2
