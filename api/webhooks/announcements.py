"""What is spoken by `AnnounceUrl`: Twilio fetches it here, by an id that says nothing."""

from __future__ import annotations

import re
from contextlib import suppress

from fastapi import APIRouter, Depends, Response

from api.dependencies import ControlsDep, SettingsDep, WebhookDep
from api.engine.temporal import EngineUnreachableError
from api.webhooks import twiml
from api.webhooks.signature import verify
from api.webhooks.voice import xml
from workflows.messages import (
    ANNOUNCE_PATH,
    CONFERENCE_SID,
    HOLD_NOTICE_PATH,
    HOLD_REMINDER_PATH,
    PART_LENGTH,
)

router = APIRouter(tags=["twilio"], dependencies=[Depends(verify)], include_in_schema=False)

PART = re.compile(rf"^[0-9a-f]{{{PART_LENGTH}}}$")


@router.post(HOLD_NOTICE_PATH)
async def hold_notice(webhook: WebhookDep, settings: SettingsDep) -> Response:
    """What a caller on hold hears every so often."""
    return xml(twiml.say(settings.handover_hold_notice))


@router.post(HOLD_REMINDER_PATH)
async def hold_reminder(webhook: WebhookDep, settings: SettingsDep) -> Response:
    """What an agent hears who has had a caller on hold for nearly too long."""
    return xml(twiml.say(settings.handover_hold_reminder))


@router.post(ANNOUNCE_PATH + "/{conference_sid}/{part}")
async def announcement(
    conference_sid: str, part: str, webhook: WebhookDep, controls: ControlsDep
) -> Response:
    """The words of an announcement that somebody ordered; silence for any other address."""
    words = ""
    if CONFERENCE_SID.fullmatch(conference_sid) and PART.fullmatch(part):
        with suppress(EngineUnreachableError):
            words = await controls.text(conference_sid, part)
    return xml(twiml.say(words))
