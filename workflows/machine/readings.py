"""What a reading of the room proves, as facts to be heard like any others."""

from __future__ import annotations

from workflows.machine.commands import SecureCaller
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    Event,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegReading,
    RoomEnded,
    RoomReading,
)
from workflows.machine.model import Leg, Party, Presence, Transfer


def news_in(
    transfer: Transfer,
    reading: RoomReading,
    at: float,
    is_thorough: bool,
    parties: tuple[Party, ...] = tuple(Party),
) -> tuple[Event, ...]:
    """The facts that a reading of the room implies, as events to be heard one after the other.

    `is_thorough` says that legs which the room's list does not show were asked for one by one; a
    ringing leg may be missing from the list without being gone. `parties` are those whom the
    reading was about.
    """
    if not reading.is_live:
        return (RoomEnded(at=at, conference_sid=reading.conference_sid),)
    found: list[Event] = []
    for party in parties:
        leg = transfer.leg(party)
        if not leg.is_live or not leg.call_sid:
            continue
        seen = _seen(reading, leg)
        if seen is None:
            if is_thorough or _should_be_seen(leg, at):
                found.append(LegEnded(at=at, call_sid=leg.call_sid))
        elif seen.status == "ended":
            found.append(LegEnded(at=at, call_sid=leg.call_sid, cause=seen.cause))
        elif seen.status == "ringing":
            found.append(LegRang(at=at, call_sid=leg.call_sid))
        elif seen.status == "connected":
            news = LegJoined if seen.label else LegAnswered
            found.append(news(at=at, call_sid=leg.call_sid))
    return tuple(found)


def explained_by(transfer: Transfer, event: Event) -> tuple[LegEnded, ...]:
    """What was told before this event, and only it explains: the legs that it showed as the
    caller's and the agent's, and that had left when its answer was on the way. They are heard
    after it, with what it changed in `transfer`."""
    if not isinstance(event, CommandSucceeded | CommandFailed):
        return ()
    if event.command != SecureCaller.__name__:
        return ()
    found = (transfer.caller.call_sid, transfer.agent.call_sid)
    return tuple(LegEnded(at=event.at, call_sid=sid) for sid in found if sid in transfer.departed)


READING_AGE_MAX_SECONDS = 10.0
"""How old a reading may be when it is told: one attempt at a command takes 5 s at most, and its
outcome then waits for a worker. A leg that came since cannot be in it."""


def _should_be_seen(leg: Leg, at: float) -> bool:
    is_in_room = leg.presence in (Presence.PRESENT, Presence.LEAVING)
    return is_in_room and at - leg.present_since >= READING_AGE_MAX_SECONDS


def _seen(reading: RoomReading, leg: Leg) -> LegReading | None:
    return next((each for each in reading.legs if each.call_sid == leg.call_sid), None)
