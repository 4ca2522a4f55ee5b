"""`<Dial><Conference>`: what the attributes ask for, and whether the leg is let into the room."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.core.documents import Verb
from simulator.core.labels import is_good_label
from simulator.core.model import Callback, Conference, Participant
from simulator.core.recordings import wish_of_twiml
from simulator.core.text import words

if TYPE_CHECKING:
    from simulator.core.script import Script

Out = Callable[[Participant, str], None]
# Attributes of <Conference> that must be true or false, with the alert for anything else.
BOOLEANS = {"muted": 13230, "endConferenceOnExit": 13231, "startConferenceOnEnter": 13232}
BEEPS = ("true", "false", "onEnter", "onExit")


def enter(script: "Script", noun: Verb, out: Out) -> str | None:
    """None when the leg is in; else where its TwiML goes on: `next` verb, or Dial's `action`."""
    network = script.network
    for name, code in BOOLEANS.items():
        if noun.has(name) and noun.get(name).lower() not in ("true", "false"):
            script.alert(code, f"Dial->Conference: Invalid {name} value")
    if noun.has("beep") and noun.get("beep") not in BEEPS:
        script.alert(13235, "Dial->Conference: Invalid beep value")
    if not noun.text:
        script.alert(13237, "Dial->Conference: Invalid Conference Name")
        return "action"
    conference = network.live_conference(noun.text)
    label = noun.get("participantLabel") or None
    if label is not None and not is_good_label(label):
        script.alert(16023, "Dial->Conference: Invalid participant label")
        return "next"
    if conference is not None and label is not None and network.rooms.by_label(conference, label):
        script.alert(16025, "Dial->Conference: Participant label is in use")
        return "next"
    coach = noun.get("coach") or None
    if coach and not (conference and coach in conference.participants):
        script.alert(13240, "Dial->Conference: Invalid Whisper SID")
        return "action"
    if conference is None:
        region = noun.get("region") or None
        conference = network.rooms.open(noun.text, _callback_of(noun), region)
        network.recorder.wish(conference, wish_of_twiml(noun.attributes))
    participant = _participant(script, noun, conference, label, coach)
    if network.rooms.is_full(conference, participant.max_participants):
        script.alert(16020, "Conference is full")
        return "action"
    participant.on_out = out
    network.rooms.join(participant)
    return None


def _participant(
    script: "Script", noun: Verb, conference: Conference, label: str | None, coach: str | None
) -> Participant:
    now = script.network.clock.now
    end = noun.flag("endConferenceOnExit")
    return Participant(
        script.call,
        conference,
        "twiml",
        now,
        now,
        label=label,
        muted=noun.flag("muted"),
        coaching=coach is not None,
        call_sid_to_coach=coach,
        start_on_enter=noun.flag("startConferenceOnEnter", True),
        end_on_exit=end,
        end_on_exit_in_force=end,
        beep=noun.get("beep", "true"),
        wait_url=noun.attributes.get("waitUrl"),
        wait_method=noun.get("waitMethod", "POST"),
        max_participants=max(2, int(noun.number("maxParticipants", 250))),
    )


def _callback_of(noun: Verb) -> Callback | None:
    """E-02: by TwiML nothing is sent unless the events are named."""
    events = words(noun.get("statusCallbackEvent"))
    if not noun.get("statusCallback") or not events:
        return None
    return Callback(noun.get("statusCallback"), noun.get("statusCallbackMethod", "POST"), events)
