"""The TwiML documents. Pure; Twilio's own library escapes whatever comes from outside."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

from twilio.twiml.voice_response import Dial, Enqueue, Gather, VoiceResponse

CONFERENCE_EVENTS = "start end join leave"
"""Hold, mute and modify decide nothing and would cost a webhook each."""

QUEUE_PRIORITY = 0
QUEUE_SECONDS_MAX = 3600
"""How long a caller is looked for somebody at all; without it TaskRouter would do so for a day."""

ASK_TO_ACCEPT = "A caller is being transferred to you. To take the call, press 1."
PRESS_1 = "To take the call, press 1."
DECLINED = "Thank you. Good bye."
CALL_HAS_ENDED = "The call has ended. Good bye."
ACCEPT_SECONDS = 10
"""To hear the question takes four seconds; the same again to find the key."""


RECORDED = "record-from-start"


def room(base_url: str, room_name: str, is_recorded: bool = False) -> str:
    """Puts an inbound caller into a room of its own, with our callbacks. What records a room is
    decided by whoever opens it."""
    response = VoiceResponse()
    dial = Dial(action=f"{base_url}/twilio/voice/ended")
    dial.conference(
        room_name,
        start_conference_on_enter=True,
        end_conference_on_exit=False,
        beep="false",
        participant_label="caller",
        status_callback=f"{base_url}/twilio/conference",
        status_callback_event=CONFERENCE_EVENTS,
        **({"record": RECORDED} if is_recorded else {}),
    )
    response.append(dial)
    return str(response)


def enqueue(base_url: str, workflow_sid: str, caller_name: str) -> str:
    """Puts an inbound caller into TaskRouter's hands, with the attributes of the task to be made.

    Twilio adds the call's own parameters to them, but not the caller's name.
    """
    attributes = {"type": "inbound"}
    if caller_name:
        attributes["caller_name"] = caller_name
    response = VoiceResponse()
    queue = Enqueue(workflow_sid=workflow_sid, action=f"{base_url}/twilio/voice/ended")
    queue.task(json.dumps(attributes), priority=QUEUE_PRIORITY, timeout=QUEUE_SECONDS_MAX)
    response.append(queue)
    return str(response)


def screen_action(base_url: str, conference_sid: str, label: str, room_name: str) -> str:
    """Where the key goes that a target outside TaskRouter presses."""
    path = f"/twilio/voice/screen/{conference_sid}/{quote(label)}/accept"
    return f"{base_url}{path}?{urlencode({'room': room_name})}"


def ask_to_accept(action: str, whisper: str = "") -> str:
    """Asks whoever picked up to press 1. Silence counts as no."""
    response = VoiceResponse()
    gather = Gather(
        num_digits=1, action=action, action_on_empty_result=True, timeout=ACCEPT_SECONDS
    )
    gather.say(f"{whisper} {PRESS_1}" if whisper else ASK_TO_ACCEPT)
    response.append(gather)
    return str(response)


def join(base_url: str, conference_sid: str, label: str, room_name: str, whisper: str = "") -> str:
    """Puts a willing target into the room, after a whisper that nobody else hears.

    TwiML knows rooms by name only. Should the room have ended, the name makes a new one: then this
    leg is its first, its callback counts, and the callback's address tells where it belongs.
    """
    response = VoiceResponse()
    if whisper:
        response.say(whisper)
    dial = Dial(action=f"{base_url}/twilio/voice/ended")
    dial.conference(
        room_name,
        end_conference_on_exit=False,
        beep="false",
        participant_label=label,
        status_callback=f"{base_url}/twilio/conference/{conference_sid}",
        status_callback_event=CONFERENCE_EVENTS,
    )
    response.append(dial)
    return str(response)


def say(words: str) -> str:
    """A sentence into a room, after which whoever heard it goes on hearing what they heard."""
    response = VoiceResponse()
    if words:
        response.say(words)
    return str(response)


def say_and_hang_up(words: str) -> str:
    """A sentence and the end."""
    response = VoiceResponse()
    response.say(words)
    response.hangup()
    return str(response)


def hang_up() -> str:
    """The end."""
    response = VoiceResponse()
    response.hangup()
    return str(response)
