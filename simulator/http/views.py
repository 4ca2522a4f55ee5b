"""What the control face shows of the network: phones, rooms and who hears whom."""

from typing import Any

from simulator.core import resources
from simulator.core.model import Alert, Call, Conference, Participant
from simulator.core.network import Network
from simulator.core.phones import Phone
from simulator.core.text import iso8601

Body = dict[str, Any]


def phone(network: Network, shown: Phone) -> Body:
    calls = [call(network, leg) for leg in shown.calls.values()]
    statuses = {leg["status"] for leg in calls}
    status = "idle"
    if "in-progress" in statuses:
        status = "in-progress"
    elif any(leg["can_answer"] for leg in calls):
        status = "ringing"
    elif calls:
        status = "calling"
    current = next((leg for leg in calls if leg["status"] == "in-progress"), None)
    current = current or (calls[0] if calls else None)
    return {
        "address": shown.address,
        "status": status,
        "hears": current["hears"] if current else "nothing",
        "can_hear": current["can_hear"] if current else [],
        "heard_by": current["heard_by"] if current else [],
        "behavior": shown.behavior.as_dict(),
        "calls": calls,
    }


def call(network: Network, leg: Call) -> Body:
    """One live leg as its person knows it."""
    can_hear, heard_by = _others(network, leg)
    participant = leg.participant
    return {
        "call_sid": leg.sid,
        "status": leg.status,
        "direction": leg.direction,
        "from": leg.from_,
        "to": leg.to,
        "can_answer": leg.status == "ringing" and leg.direction != "inbound",
        "hears": leg.hears,
        "can_hear": [person(network, sid) for sid in can_hear],
        "heard_by": [person(network, sid) for sid in heard_by],
        "conference_sid": participant.conference.sid if participant else None,
        "label": participant.label if participant else None,
        "hold": participant.hold if participant else False,
        "muted": participant.muted if participant else False,
        "queue_sid": leg.member.queue.sid if leg.member else None,
        "since": iso8601(leg.updated_at),
    }


def person(network: Network, sid: str) -> Body:
    leg = network.calls_by_sid[sid]
    label = leg.participant.label if leg.participant else None
    return {"call_sid": sid, "address": leg.phone, "label": label}


def _others(network: Network, leg: Call) -> tuple[list[str], list[str]]:
    """Whom this leg hears, and who hears it: in its room, or over its bridge."""
    if leg.bridge is not None:
        other = [leg.bridge.other(leg).sid]
        return other, other
    if leg.participant is None:
        return [], []
    return _pairs_of(leg.participant)


def _pairs_of(participant: Participant) -> tuple[list[str], list[str]]:
    sid, pairs = participant.call.sid, sorted(participant.conference.pairs)
    return (
        [speaker for speaker, listener in pairs if listener == sid],
        [listener for speaker, listener in pairs if speaker == sid],
    )


def hearing(network: Network, room: Conference) -> Body:
    people = []
    for participant in room.participants.values():
        can_hear, heard_by = _pairs_of(participant)
        people.append(
            {
                "call_sid": participant.call.sid,
                "label": participant.label,
                "address": participant.call.phone,
                "status": participant.status,
                "hears": can_hear,
                "heard_by": heard_by,
                "hold": participant.hold,
                "muted": participant.muted,
                "coaching": participant.coaching,
                "call_sid_to_coach": participant.call_sid_to_coach,
                "end_conference_on_exit": participant.end_on_exit,
                "end_conference_on_exit_in_force": participant.end_on_exit_in_force,
                "audio": participant.call.hears,
            }
        )
    return {
        "conference_sid": room.sid,
        "friendly_name": room.name,
        "status": resources.conference_status(network, room),
        "started": room.started,
        "pairs": [list(pair) for pair in sorted(room.pairs)],
        "participants": people,
    }


def alert(shown: Alert) -> Body:
    return {
        "sid": shown.sid,
        "at": shown.at,
        "time": iso8601(shown.at),
        "code": shown.code,
        "message": shown.message,
        "url": shown.url,
        "call_sid": shown.call_sid,
        "conference_sid": shown.conference_sid,
    }
