"""Voice requests of Twilio, answered in TwiML. Whatever happens, the caller hears something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import structlog
from fastapi import APIRouter, Depends, Response

from api.dependencies import FactsDep, MetricsDep, RecordsDep, SettingsDep, WebhookDep
from api.engine.facts import Facts
from api.engine.temporal import EngineUnreachableError
from api.engine.whispers import whisper_of
from api.errors import Problem
from api.metrics import Metrics
from api.settings import Settings
from api.webhooks import translate, twiml
from api.webhooks.signature import Webhook, verify
from api.webhooks.status import carry
from workflows.messages import CALL_SID, CONFERENCE_SID, StartInboundInput

T = TypeVar("T")

log = structlog.get_logger("handover.api.webhooks")

ADDRESS_LENGTH_MAX = 320
NAME_LENGTH_MAX = 100

PATIENCE_SECONDS = 7.0
"""How long the engine is asked again while Temporal is silent: whoever is on the phone would rather
hear it ring for some seconds than an apology. Twilio waits 15 for the answer, and the last try may
take 2.5."""
AGAIN_SECONDS = 0.25

NOBODY_CAME = frozenset({"error", "system-error", "queue-full", "leave"})
"""Ways out of a queue in which the caller still waits for somebody.
https://www.twilio.com/docs/voice/twiml/enqueue"""

router = APIRouter(
    prefix="/twilio/voice",
    tags=["twilio"],
    dependencies=[Depends(verify)],
    include_in_schema=False,
)


def xml(document: str) -> Response:
    """A TwiML answer."""
    return Response(document, media_type="text/xml", headers={"Cache-Control": "no-store"})


@router.post("/inbound")
async def inbound(
    webhook: WebhookDep, facts: FactsDep, settings: SettingsDep, metrics: MetricsDep
) -> Response:
    """Somebody dials our number: a room for the caller, and a workflow that finds an agent. With
    TaskRouter a queue, and nothing of ours before somebody was found.

    Twilio may ask twice for one call: the workflow is started once, the answer is the same.
    """
    call_sid = webhook.get("CallSid")
    if not CALL_SID.fullmatch(call_sid):
        return xml(twiml.hang_up())
    if settings.is_taskrouter:
        metrics.fact("inbound", "enqueued")
        name = webhook.get("CallerName")[:NAME_LENGTH_MAX]
        return xml(twiml.enqueue(settings.public_base_url, settings.twilio_workflow_sid, name))
    if not settings.handover_agents:
        log.error("inbound call refused: HANDOVER_AGENTS is empty", call=call_sid)
        metrics.fact("inbound", "no_agents")
        return xml(twiml.say_and_hang_up(settings.handover_apology))
    order = StartInboundInput(
        call_sid=call_sid,
        room_name=call_sid,
        caller_address=webhook.get("From")[:ADDRESS_LENGTH_MAX],
        agents=settings.handover_agents,
        accepted_at=time.time(),
        ring_seconds=settings.handover_agent_ring_seconds,
        is_recorded=settings.is_recorded,
    )
    if not await begun(facts, order):
        log.error("inbound call refused: engine unreachable", call=call_sid)
        metrics.fact("inbound", "engine_unreachable")
        return xml(twiml.say_and_hang_up(settings.handover_apology))
    metrics.fact("inbound", "started")
    return xml(twiml.room(settings.public_base_url, call_sid, settings.is_recorded))


async def begun(facts: Facts, order: StartInboundInput) -> bool:
    """Starts the set-up of a call, again and again while Temporal is silent; whether it began."""
    try:
        await patiently(lambda: facts.begin_inbound(order))
    except EngineUnreachableError:
        return False
    return True


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` answers, asked again while Temporal is silent. Raises its last error when it has
    been so for too long; what is asked must be the same when it is done twice."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await ask()
        except (EngineUnreachableError, Problem):
            if time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(AGAIN_SECONDS)


@router.post("/ended")
async def ended(webhook: WebhookDep, settings: SettingsDep) -> Response:
    """The caller's or a screened target's time in the room is over, or the caller's in the queue.
    Who has talked to nobody hears why it ends."""
    if webhook.get("QueueResult") in NOBODY_CAME:
        return xml(twiml.say_and_hang_up(settings.handover_apology))
    return xml(twiml.hang_up())


@router.post("/message")
async def message(webhook: WebhookDep) -> Response:
    """The caller has left a message, or did not want to."""
    return xml(twiml.hang_up())


@router.post("/screen/{conference_sid}/{label}")
async def screen(
    conference_sid: str,
    label: str,
    webhook: WebhookDep,
    records: RecordsDep,
    settings: SettingsDep,
    room: str = "",
) -> Response:
    """A target that has to accept picked up. Nobody is asked to take a call that is over, and a
    phone that still rang for a transfer that was ended by force is let go by this. Where the engine
    cannot be asked, the target is: the key asks again."""
    if not (CONFERENCE_SID.fullmatch(conference_sid) and translate.is_label(label) and room):
        return xml(twiml.hang_up())
    whisper = ""
    with suppress(EngineUnreachableError):
        record = await records.latest(conference_sid)
        if record is None or not record.is_trying(label):
            return xml(twiml.say_and_hang_up(twiml.CALL_HAS_ENDED))
        whisper = await whisper_of(record, settings.handover_whisper)
    action = twiml.screen_action(settings.public_base_url, conference_sid, label, room)
    return xml(twiml.ask_to_accept(action, whisper))


@router.post("/screen/{conference_sid}/{label}/accept")
async def accept(
    conference_sid: str,
    label: str,
    webhook: WebhookDep,
    facts: FactsDep,
    settings: SettingsDep,
    metrics: MetricsDep,
    room: str = "",
) -> Response:
    """The target pressed a key, or none."""
    if not (CONFERENCE_SID.fullmatch(conference_sid) and translate.is_label(label) and room):
        return xml(twiml.hang_up())
    return await chosen(conference_sid, label, room, webhook, facts, settings, metrics)


async def chosen(
    conference_sid: str,
    label: str,
    room: str,
    webhook: Webhook,
    facts: Facts,
    settings: Settings,
    metrics: Metrics,
    reservation_sid: str = "",
) -> Response:
    """What follows on a key, or on none. Nobody is put into a room that no transfer waits in."""
    fact = translate.choice_fact(webhook.get, label, time.time())
    if fact is not None and reservation_sid:
        fact = replace(fact, reservation_sid=reservation_sid)
    try:
        heard_by = await patiently(lambda: carry(facts, metrics, conference_sid, fact, webhook))
    except Problem:
        return xml(twiml.say_and_hang_up(settings.handover_apology))
    if fact is None or not fact.willing:
        return xml(twiml.say_and_hang_up(twiml.DECLINED))
    if heard_by != "transfer":
        return xml(twiml.say_and_hang_up(twiml.CALL_HAS_ENDED))
    return xml(twiml.join(settings.public_base_url, conference_sid, label, room))
