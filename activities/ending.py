"""The one way to end a call, whatever it is doing, and for how long one in doubt is looked for."""

from __future__ import annotations

from temporalio import activity
from twilio.rest import Client

from activities.errors import GONE, TwilioError, ask

DOUBT_SECONDS_MAX = 110.0
"""So long after it was sent a dial may still take effect: who looks for it later and finds nothing
knows that it never did."""


def is_old(dialed_at: float) -> bool:
    """Whether a dial is so long ago that it takes no effect any more. One of which the moment is
    not known never is. Each attempt has its own moment: one command may have been waiting since
    shortly before the time was up."""
    attempted_at = activity.info().current_attempt_scheduled_time
    return dialed_at > 0 and attempted_at.timestamp() >= dialed_at + DOUBT_SECONDS_MAX


async def complete_call(client: Client, call_sid: str) -> None:
    """End a call in whatever state it is; over already is done."""
    try:
        await ask(client.calls(call_sid).update_async(status="completed"))
    except TwilioError as error:
        if error.kind != GONE:
            raise
