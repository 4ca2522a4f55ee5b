"""Who hears whom. Pure functions of the state; nothing here changes anything."""

from simulator.core.model import Call, Conference, Participant
from simulator.switches import Switches

SILENCE = "silence"
MUSIC = "music"
RINGING = "ringing"
CONVERSATION = "conversation"
NOTHING = "nothing"


def audible(speaker: Participant, listener: Participant) -> bool:
    """P-15, P-17: held ones are apart, muted ones are not heard, a coach reaches one listener."""
    if speaker is listener or not (speaker.joined and listener.joined):
        return False
    if speaker.hold or listener.hold or speaker.muted:
        return False
    return not speaker.coaching or speaker.call_sid_to_coach == listener.call.sid


def hearing(conference: Conference) -> frozenset[tuple[str, str]]:
    """The pairs (speaker, listener) of this room, by Call SID. Nobody hears before the start."""
    if not conference.started or conference.ended:
        return frozenset()
    people = [p for p in conference.participants.values() if p.joined]
    return frozenset(
        (speaker.call.sid, listener.call.sid)
        for speaker in people
        for listener in people
        if audible(speaker, listener)
    )


def heard_in_room(participant: Participant, switches: Switches) -> str:
    """What this participant hears, in one word or two: people come before anything else."""
    conference = participant.conference
    if participant.announcement is not None:
        return participant.announcement.audio
    if participant.hold:
        return participant.audio.audio if participant.audio else f"hold {MUSIC}"
    if conference.announcement is not None:
        return conference.announcement.audio
    if not conference.started:
        return _wait_audio(participant)
    if any(listener == participant.call.sid for _, listener in conference.pairs):
        return CONVERSATION
    others = [p for p in conference.participants.values() if p is not participant]
    if any(p.early_media and p.call.status == "ringing" and not p.joined for p in others):
        return RINGING
    if not any(p.joined for p in others) and switches.lone_participant_hears == MUSIC:
        return f"wait {MUSIC}"
    return SILENCE


def _wait_audio(participant: Participant) -> str:
    if participant.audio is not None:
        return participant.audio.audio
    return SILENCE if participant.wait_url == "" else f"wait {MUSIC}"


def heard_by(call: Call, switches: Switches) -> str:
    """What the person on this leg hears now, wherever the leg is."""
    if not call.live:
        return NOTHING
    if call.participant is not None and call.participant.joined:
        return heard_in_room(call.participant, switches)
    if call.bridge is not None:
        return CONVERSATION
    if call.member is not None and call.script is not None:
        return call.script.audio
    if call.status != "in-progress":
        return RINGING if call.direction == "inbound" and call.status == "ringing" else NOTHING
    return call.script.audio if call.script is not None else SILENCE
