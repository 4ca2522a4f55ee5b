"""One change to one participant, for all activities that make some."""

from __future__ import annotations

from typing import Any

from twilio.rest import Client

from activities.errors import GONE, REFUSED, TwilioError, ask, gone, unavailable
from activities.reading import find_participant


async def update_participant(
    client: Client, conference_sid: str, call_sid: str, **changes: Any
) -> None:
    """Change one participant. Which code stands for one who has left is not documented, so after a
    refusal it is looked whether the participant is still there. Also after a 404: a caller who is
    believed gone would be hung up on."""
    participants = client.conferences(conference_sid).participants
    try:
        await ask(participants(call_sid).update_async(**changes))
    except TwilioError as error:
        if error.kind not in (REFUSED, GONE):
            raise
        if await find_participant(client, conference_sid, call_sid) is None:
            raise gone("the leg has left the room") from None
        if error.kind == GONE:
            raise unavailable("Twilio: not found, and there all the same") from None
        raise
