"""One change to one participant, for all activities that make some."""

from __future__ import annotations

from typing import Any

from twilio.rest import Client

from activities.errors import REFUSED, TwilioError, ask, gone
from activities.reading import find_participant


async def update_participant(
    client: Client, conference_sid: str, call_sid: str, **changes: Any
) -> None:
    """Change one participant. Which code stands for one who has left is not documented, so after a
    refusal it is looked whether the participant is still there."""
    participants = client.conferences(conference_sid).participants
    try:
        await ask(participants(call_sid).update_async(**changes))
    except TwilioError as error:
        if error.kind != REFUSED:
            raise
        if await find_participant(client, conference_sid, call_sid) is not None:
            raise
        raise gone("the leg has left the room") from None
