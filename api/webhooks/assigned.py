"""A worker's phone that TaskRouter rang for a transfer: whisper, acceptance, and into the room."""

from __future__ import annotations

import time
from urllib.parse import quote, urlencode

import structlog
from fastapi import APIRouter, Depends, Response

from api.dependencies import FactsDep, MetricsDep, RecordsDep, SettingsDep, WebhookDep
from api.engine.records import TransferRecord
from api.engine.temporal import EngineUnreachableError
from api.engine.whispers import whisper_of
from api.errors import Problem
from api.webhooks import twiml
from api.webhooks.signature import verify
from api.webhooks.status import carry
from api.webhooks.tasks import RESERVATION_SID, is_room
from api.webhooks.translate import is_label
from api.webhooks.voice import chosen, patiently, xml
from workflows.machine.events import LegAnswered
from workflows.machine.model import Accept
from workflows.messages import CALL_SID, CONFERENCE_SID

log = structlog.get_logger("handover.api.webhooks")

router = APIRouter(
    prefix="/twilio/voice",
    tags=["twilio"],
    dependencies=[Depends(verify)],
    include_in_schema=False,
)


@router.post("/assigned/{conference_sid}/{label}")
async def assigned(
    conference_sid: str,
    label: str,
    webhook: WebhookDep,
    facts: FactsDep,
    records: RecordsDep,
    settings: SettingsDep,
    metrics: MetricsDep,
    room: str = "",
    task: str = "",
    reservation: str = "",
    accept: str = "",
) -> Response:
    """The worker picked up. Who comes too late is put into no room.

    The transfer is told: TaskRouter itself reports nothing but the end of this leg.
    """
    call_sid = webhook.get("CallSid")
    if not (_is_place(conference_sid, label, room) and CALL_SID.fullmatch(call_sid)):
        return xml(twiml.hang_up())
    answered = LegAnswered(
        at=time.time(),
        call_sid=call_sid,
        label=label,
        address=webhook.get("To"),
        reservation_sid=reservation if RESERVATION_SID.fullmatch(reservation) else "",
    )

    async def tell() -> TransferRecord | None:
        """The transfer that has heard of the worker; None if none waits for this phone."""
        record = await records.latest(conference_sid)
        if record is None or not record.is_trying(label):
            return None
        heard_by = await carry(facts, metrics, conference_sid, answered, webhook)
        return record if heard_by == "transfer" else None

    try:
        record = await patiently(tell)
    except (EngineUnreachableError, Problem):
        log.error("a worker was sent away: engine unreachable", call=conference_sid)
        return xml(twiml.say_and_hang_up(settings.handover_apology))
    if record is None:
        return xml(twiml.say_and_hang_up(twiml.CALL_HAS_ENDED))
    base_url = settings.public_base_url
    whisper = await whisper_of(record, settings.handover_whisper)
    if not (settings.handover_whisper_accept or accept == Accept.PRESS_1.value):
        return xml(twiml.join(base_url, conference_sid, label, room, whisper))
    where = urlencode({"room": room, "task": task, "reservation": reservation})
    path = f"/twilio/voice/assigned-choice/{conference_sid}/{quote(label)}?{where}"
    return xml(twiml.ask_to_accept(base_url + path, whisper))


@router.post("/assigned-choice/{conference_sid}/{label}")
async def assigned_choice(
    conference_sid: str,
    label: str,
    webhook: WebhookDep,
    facts: FactsDep,
    settings: SettingsDep,
    metrics: MetricsDep,
    room: str = "",
    reservation: str = "",
) -> Response:
    """The worker pressed a key, or none."""
    if not _is_place(conference_sid, label, room):
        return xml(twiml.hang_up())
    offer = reservation if RESERVATION_SID.fullmatch(reservation) else ""
    return await chosen(conference_sid, label, room, webhook, facts, settings, metrics, offer)


def _is_place(conference_sid: str, label: str, room: str) -> bool:
    return bool(CONFERENCE_SID.fullmatch(conference_sid)) and is_label(label) and is_room(room)
