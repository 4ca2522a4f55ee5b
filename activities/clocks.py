"""Moments of two systems are never compared by the clock of a third.

Temporal tells with each attempt when it began, and Twilio with each answer what time it is. Either
clock goes on from there by this process's own steps, so that a machine whose clock is wrong takes
nothing for older or younger than it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from temporalio import activity
from twilio.rest import Client

Clock = Callable[[], float]
"""Seconds since the epoch."""


def temporals_clock() -> Clock:
    """Temporal's clock. To be asked for as the attempt begins."""
    loop = asyncio.get_running_loop()
    ahead = activity.info().started_time.timestamp() - loop.time()
    return lambda: loop.time() + ahead


def twilios_clock(client: Client, otherwise: Clock) -> Clock:
    """Twilio's clock, by the newest answer that told the time: to the second, a second late at
    worst. `otherwise` where none did.

    https://www.rfc-editor.org/rfc/rfc9110#name-date
    """
    told_at, date = getattr(client.http_client, "dated", (0.0, ""))
    try:
        ahead = parsedate_to_datetime(date).timestamp() - told_at
    except ValueError:
        return otherwise
    loop = asyncio.get_running_loop()
    return lambda: loop.time() + ahead
