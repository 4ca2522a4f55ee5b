"""Conference events: which exist, what class each belongs to, and the fields they carry."""

from typing import TYPE_CHECKING

from simulator.core.model import Conference, Participant
from simulator.core.text import flag, rfc2822

if TYPE_CHECKING:
    from simulator.core.network import Network

# E-01: what is sent, and the word by which one subscribes to it.
CLASSES = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "participant-speech-start": "speaker",
    "participant-speech-stop": "speaker",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}
EVENT_CLASSES = frozenset(CLASSES.values())
DEFAULT_CLASSES = ("start", "end")


def tell(
    network: "Network",
    conference: Conference,
    event: str,
    participant: Participant | None = None,
    extra: dict[str, str] | None = None,
) -> None:
    """Count the event, and send it if the room's creator subscribed to its class."""
    sequence = conference.sequence
    conference.sequence += 1
    callback = conference.callback
    if callback is None or CLASSES[event] not in callback.events:
        return
    params = {
        "ConferenceSid": conference.sid,
        "FriendlyName": conference.name,
        "AccountSid": network.account_sid,
        "SequenceNumber": str(sequence),
        "Timestamp": rfc2822(network.clock.now),
        "StatusCallbackEvent": event,
    }
    if participant is not None:
        params.update(_about(participant))
        if network.switches.call_sid_to_coach_in_events and participant.call_sid_to_coach:
            params["CallSidToCoach"] = participant.call_sid_to_coach
    params.update(extra or {})
    network.send(
        "callback",
        event,
        callback.url,
        callback.method,
        params,
        call_sid=participant.call.sid if participant else None,
        conference_sid=conference.sid,
    )


def _about(participant: Participant) -> dict[str, str]:
    fields = {
        "CallSid": participant.call.sid,
        "Muted": flag(participant.muted),
        "Hold": flag(participant.hold),
        "Coaching": flag(participant.coaching),
        "EndConferenceOnExit": flag(participant.end_on_exit),
        "StartConferenceOnEnter": flag(participant.start_on_enter),
    }
    if participant.label is not None:
        fields["ParticipantLabel"] = participant.label
    return fields
