"""The TwiML documents. Pure; Twilio's own library escapes whatever comes from outside."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

CONFERENCE_EVENTS = "start end join leave"
"""Hold, mute and modify decide nothing and would cost a webhook each."""

ASK_TO_ACCEPT = "A caller is being transferred to you. To take the call, press 1."
DECLINED = "Thank you. Good bye."
CALL_HAS_ENDED = "The call has ended. Good bye."
ACCEPT_SECONDS = 10
"""To hear the question takes four seconds; the same again to find the key."""


def room(base_url: str, room_name: str) -> str:
    """Puts an inbound caller into a room of its own, with our callbacks."""
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
    )
    response.append(dial)
    return str(response)


def ask_to_accept(base_url: str, conference_sid: str, label: str, room_name: str) -> str:
    """Asks whoever picked up to press 1. Silence counts as no."""
    action = f"{base_url}/twilio/voice/screen/{conference_sid}/{quote(label)}/accept?" + urlencode(
        {"room": room_name}
    )
    response = VoiceResponse()
    gather = Gather(
        num_digits=1, action=action, action_on_empty_result=True, timeout=ACCEPT_SECONDS
    )
    gather.say(ASK_TO_ACCEPT)
    response.append(gather)
    return str(response)


def join(base_url: str, conference_sid: str, label: str, room_name: str) -> str:
    """Puts a willing target into the room.

    TwiML knows rooms by name only. Should the room have ended, the name makes a new one: then this
    leg is its first, its callback counts, and the callback's address tells where it belongs.
    """
    response = VoiceResponse()
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
