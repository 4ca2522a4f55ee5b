"""One phone call: make it, end it, find out what became of it, send it somewhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.service import RPCError
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from activities.clocks import Clock, temporals_clock, twilios_clock
from activities.creating import AddedLeg, create_once
from activities.ending import is_old
from activities.errors import GONE, REFUSED, TwilioError, ask, known, unavailable, unmet
from activities.owners import Owners
from activities.participants import ring_timeout
from activities.reading import find_participant, read_call, read_legs
from activities.room import CONNECTED, ENDED, QUEUED, RINGING, Room, read_call_status
from activities.settings import TwilioSettings

CLOCK_SLACK_SECONDS = 2.0
"""Twilio tells a call's creation, and what time it is, in whole seconds."""
DIAL_SECONDS_MAX = 60.0
"""A dial is given up long before this, so a call made later is not its result."""
CALLS_LISTED_MAX = 50
"""One page of the newest calls to one number. https://www.twilio.com/docs/voice/api/call-resource
"""
UNANSWERED = (QUEUED, RINGING)
"""Of whoever picks up the owner hears."""
MESSAGE_SECONDS_MAX = 120
"""Length of a recorded message. Twilio's own default of an hour would keep a silent line open."""


@dataclass(frozen=True)
class CreateCallInput:
    """Whose phone is to be rung for TwiML of ours (a question, "press 1") before it joins."""

    conference_sid: str
    label: str
    to: str
    ring_seconds: float
    answer_path: str
    callback_path: str
    callback_events: tuple[str, ...] = ("answered", "completed")
    detect_machine: bool = False
    amd_path: str = ""


@dataclass(frozen=True)
class EndLegInput:
    """Which leg is to end. By `call_sid`; else by `label` in the room.

    Without both: for a leg made by `create_call` whose answer was never had, the one call to `to`
    made within a minute of `dialed_at` (seconds since the epoch) that still rings. `is_doubtful`:
    the outcome of the dial was never known, so not finding the leg does not yet mean that there is
    none: not before `DOUBT_SECONDS_MAX` have passed since the dial, by Temporal's clock.
    """

    conference_sid: str
    label: str = ""
    call_sid: str = ""
    to: str = ""
    is_doubtful: bool = False
    dialed_at: float = 0.0
    dialed_by: str = ""
    """The run that dialled it, if that is not the run that asks."""


@dataclass(frozen=True)
class EndedLeg:
    """What is known of an ended leg; `cause` as in `RoomLeg`."""

    status: str = ENDED
    cause: str = ""


@dataclass(frozen=True)
class FindLegInput:
    """Which leg is asked about."""

    conference_sid: str
    label: str = ""
    call_sid: str = ""


@dataclass(frozen=True)
class DivertInput:
    """Whose call is sent to the apology and the mailbox. Paths are below the public address.

    `action_path` is asked what follows the message; `recording_path`, if given, is told of the
    recording. With `conference_sid` and `unless_with`, the call SID of somebody: only if the two do
    not talk with each other there; with `unless_with_anybody`: only if the caller is alone there,
    or on hold.
    """

    call_sid: str
    conference_sid: str = ""
    unless_with: str = ""
    unless_with_anybody: bool = False
    action_path: str = "/twilio/voice/message"
    recording_path: str = ""


class Calls:
    """Activities on the Call resource. `owners` tell which calls other workflows know to be theirs;
    without them, none is another's."""

    def __init__(
        self, client: Client, settings: TwilioSettings, owners: Owners | None = None
    ) -> None:
        self._client = client
        self._settings = settings
        self._owners = owners

    @activity.defn(name="create_call")
    async def create_call(self, given: CreateCallInput) -> AddedLeg:
        """Ring a phone for TwiML of ours, at most once however often this is attempted.

        A call has no label. What an earlier attempt made is recognised by number and time, and
        only if a single call fits: two transfers may be dialling one number at the same moment.
        """
        scheduled_at = activity.info().scheduled_time
        clock = temporals_clock()

        async def create() -> str:
            made = await ask(
                self._client.calls.create_async(
                    to=given.to, from_=self._settings.twilio_number, **self._wishes(given)
                )
            )
            return str(made.sid)

        async def find() -> str:
            mine = activity.info().workflow_run_id or ""
            return await self._find_dialled(given.to, scheduled_at, clock, mine)

        return await create_once(self._client, create, find)

    @activity.defn(name="end_leg")
    async def end_leg(self, given: EndLegInput) -> EndedLeg:
        """End a leg in whatever state it is. Ended already is done.

        By `completed`: `canceled` would let a leg live that is answered in this moment.
        https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
        """
        call_sid = given.call_sid or await self._find_leg(given, temporals_clock())
        if call_sid:
            return await self._complete(call_sid)
        if given.is_doubtful and not is_old(given.dialed_at):
            raise unavailable("the leg is not found; it may still appear")
        return EndedLeg()

    @activity.defn(name="find_leg")
    async def find_leg(self, given: FindLegInput) -> Room:
        """What became of a leg: a room with that leg alone, or with none if Twilio shows none."""
        key = given.call_sid or given.label
        leg = await find_participant(self._client, given.conference_sid, key)
        call_sid = given.call_sid or (leg.call_sid if leg else "")
        if call_sid and (leg is None or leg.status == ENDED):
            leg = await read_call(self._client, call_sid, given.label) or leg
        return Room(conference_sid=given.conference_sid, legs=(leg,) if leg else ())

    @activity.defn(name="divert_call")
    async def divert_call(self, given: DivertInput) -> None:
        """Send a call to the spoken apology and the mailbox. Takes it out of its room at once."""
        is_asked = given.unless_with or given.unless_with_anybody
        if is_asked and await self._talks(given):
            raise unmet("the caller is in the room with somebody, and neither is on hold")
        twiml = VoiceResponse()
        twiml.say(self._settings.handover_apology)
        when_recorded = {}
        if given.recording_path:
            when_recorded = {
                "recording_status_callback": self._settings.public_url(given.recording_path),
                "recording_status_callback_event": "completed",
            }
        twiml.record(
            action=self._settings.public_url(given.action_path),
            method="POST",
            max_length=MESSAGE_SECONDS_MAX,
            play_beep=True,
            **when_recorded,
        )
        await ask(self._client.calls(known(given.call_sid)).update_async(twiml=str(twiml)))

    async def _talks(self, given: DivertInput) -> bool:
        room = await read_legs(self._client, given.conference_sid)
        free = [leg for leg in room.legs if leg.status == CONNECTED and not leg.held]
        is_with = any(
            leg.call_sid == given.unless_with
            or (given.unless_with_anybody and not leg.is_supervisor)
            for leg in free
            if leg.call_sid != given.call_sid
        )
        return is_with and any(leg.call_sid == given.call_sid for leg in free)

    async def _find_leg(self, given: EndLegInput, clock: Clock) -> str:
        leg = await find_participant(self._client, given.conference_sid, given.label)
        if leg is not None:
            return leg.call_sid
        if not given.to or not given.dialed_at:
            return ""
        since = datetime.fromtimestamp(given.dialed_at, UTC)
        mine = given.dialed_by or activity.info().workflow_run_id or ""
        return await self._find_dialled(given.to, since, clock, mine, is_ringing_only=True)

    async def _find_dialled(
        self, to: str, since: datetime, clock: Clock, mine: str, is_ringing_only: bool = False
    ) -> str:
        """The one call of ours to `to` that the run `mine` made since then by `clock`, "" if there
        is none.

        With `is_ringing_only`, none that was answered: whoever picks up is asked in our words, and
        by fetching those Twilio tells the owner the call's SID. A conversation of which the owner
        knows nothing is another transfer's.

        A call that another workflow knows is not ours. Several that fit, or one while another
        workflow waits to be told of its own, are reported as not known: taking another transfer's
        call for ours would end a stranger's conversation.
        """
        listed = await ask(
            self._client.calls.list_async(
                to=to,
                from_=self._settings.twilio_number,
                limit=CALLS_LISTED_MAX,
                page_size=CALLS_LISTED_MAX,
            )
        )
        ahead = timedelta(seconds=twilios_clock(self._client, clock)() - clock())
        fitting = _made_by_us_since(listed, since + ahead)
        if is_ringing_only:
            fitting = [call for call in fitting if read_call_status(call.status)[0] in UNANSWERED]
        if fitting:
            fitting = await self._without_others(fitting, to, since, mine)
        if len(fitting) > 1:
            raise unavailable("several calls fit; none is taken for ours")
        return str(fitting[0].sid) if fitting else ""

    async def _without_others(
        self, calls: list[Any], to: str, since: datetime, mine: str
    ) -> list[Any]:
        """Those of `calls`, all to the number `to`, that may be those of the run `mine`."""
        if self._owners is None:
            return calls
        try:
            owners = await self._owners.lately(since)
        except RPCError as error:
            raise unavailable(f"whose call it is cannot be asked: {error.message}") from None
        others = [each for each in owners if each.run_id != mine]
        theirs = {sid for each in others for sid in each.call_sids}
        left = [call for call in calls if call.sid not in theirs]
        if left and any(each.is_dialling(to) for each in others):
            raise unavailable("another workflow dials that number; none is taken for ours")
        return left

    async def _complete(self, call_sid: str) -> EndedLeg:
        try:
            call = await ask(self._client.calls(call_sid).update_async(status="completed"))
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            # Over already, or so it seems: its own record tells, and tells how.
            leg = await read_call(self._client, call_sid)
            if leg is None:
                return EndedLeg()
            if leg.status != ENDED:
                raise
            return EndedLeg(cause=leg.cause)
        return EndedLeg(cause=read_call_status(call.status)[1])

    def _wishes(self, given: CreateCallInput) -> dict[str, Any]:
        wishes: dict[str, Any] = {
            "url": self._settings.public_url(given.answer_path),
            "method": "POST",
            "timeout": ring_timeout(given.ring_seconds),
            "status_callback": self._settings.public_url(given.callback_path),
            "status_callback_event": list(given.callback_events),
            "status_callback_method": "POST",
        }
        if given.detect_machine:
            # Asynchronous, so that a person does not wait in silence for the verdict:
            # https://www.twilio.com/docs/voice/answering-machine-detection
            wishes["machine_detection"] = "Enable"
            wishes["async_amd"] = "true"
            wishes["async_amd_status_callback"] = self._settings.public_url(given.amd_path)
            wishes["async_amd_status_callback_method"] = "POST"
        return wishes


def _made_by_us_since(calls: Sequence[Any], since: datetime) -> list[Any]:
    earliest = since - timedelta(seconds=CLOCK_SLACK_SECONDS)
    latest = since + timedelta(seconds=DIAL_SECONDS_MAX)
    return [
        call
        for call in calls
        if call.date_created is not None
        and earliest <= call.date_created <= latest
        and str(call.direction) == "outbound-api"
    ]
