"""Status callbacks -> events -> the workflow of the call. Late and unknown calls are done: 204."""

from __future__ import annotations

import time
from dataclasses import replace

import structlog
from fastapi import APIRouter, Depends, Response

from api.dependencies import FactsDep, MetricsDep, SettingsDep, WebhookDep
from api.engine.facts import Facts
from api.engine.temporal import EngineUnreachableError
from api.errors import unreachable
from api.metrics import Metrics
from api.webhooks import translate
from api.webhooks.signature import Webhook, verify
from api.webhooks.tasks import RESERVATION_SID
from workflows.machine.events import Fact, LegEnded
from workflows.messages import CONFERENCE_SID, TASK_SID

log = structlog.get_logger("handover.api.webhooks")

router = APIRouter(
    prefix="/twilio", tags=["twilio"], dependencies=[Depends(verify)], include_in_schema=False
)


BEGINNINGS = frozenset({"conference-start", "participant-join", "participant-leave"})
"""Events that show that a room is or was alive. Who leaves may be the first that is heard of it,
if the earlier ones were lost."""


@router.api_route(
    "/status/{owner}/{conference_sid}/{label}", methods=["GET", "POST"], status_code=204
)
async def leg_status(
    owner: str,
    conference_sid: str,
    label: str,
    webhook: WebhookDep,
    facts: FactsDep,
    metrics: MetricsDep,
    task: str = "",
    reservation: str = "",
) -> Response:
    """Call progress of a leg that we dialled. `owner` tells an operator who dialled it.

    TaskRouter reports by GET on the legs that it dials for us.
    """
    fact = None
    if translate.is_label(label):
        fact = translate.leg_fact(webhook.get, label, time.time())
    if isinstance(fact, LegEnded):
        fact = replace(
            fact,
            task_sid=task if TASK_SID.fullmatch(task) else "",
            reservation_sid=reservation if RESERVATION_SID.fullmatch(reservation) else "",
        )
    await carry(facts, metrics, conference_sid, fact, webhook)
    return Response(status_code=204)


@router.post("/amd/{owner}/{conference_sid}/{label}", status_code=204)
async def machine_detection(
    owner: str,
    conference_sid: str,
    label: str,
    webhook: WebhookDep,
    facts: FactsDep,
    metrics: MetricsDep,
) -> Response:
    """What answering-machine detection found."""
    fact = None
    if translate.is_label(label):
        fact = translate.machine_fact(webhook.get, label, time.time())
    await carry(facts, metrics, conference_sid, fact, webhook)
    return Response(status_code=204)


@router.post("/conference", status_code=204)
async def conference_event(
    webhook: WebhookDep, facts: FactsDep, settings: SettingsDep, metrics: MetricsDep
) -> Response:
    """An event of a room that an inbound caller opened, or that TaskRouter did: then nobody has
    been told of the call yet, and its owner is started."""
    conference_sid, room_name = webhook.get("ConferenceSid"), webhook.get("FriendlyName")
    is_begun = webhook.get("StatusCallbackEvent") in BEGINNINGS
    is_ours = TASK_SID.fullmatch(room_name) and CONFERENCE_SID.fullmatch(conference_sid)
    if is_begun and is_ours:
        try:
            await facts.begin_call(conference_sid, room_name, settings.is_recorded)
        except EngineUnreachableError:
            metrics.fact("call", "engine_unreachable")
            log.error("a call has no owner yet: engine unreachable", call=conference_sid)
            raise unreachable() from None
    fact = translate.conference_fact(webhook.get, time.time())
    await carry(facts, metrics, conference_sid, fact, webhook)
    return Response(status_code=204)


@router.post("/conference/{conference_sid}", status_code=204)
async def stray_conference_event(
    conference_sid: str, webhook: WebhookDep, facts: FactsDep, metrics: MetricsDep
) -> Response:
    """An event of a room that a screened target opened because the right one was gone.

    It is told to the owner of the room where the target belongs. The end of the wrong room is
    nobody's news.
    """
    fact = translate.conference_fact(webhook.get, time.time())
    is_stray = webhook.get("ConferenceSid") != conference_sid
    if is_stray and fact is not None and fact.kind == "room_ended":
        fact = None
    await carry(facts, metrics, conference_sid, fact, webhook)
    return Response(status_code=204)


async def carry(
    facts: Facts, metrics: Metrics, conference_sid: str, fact: Fact | None, webhook: Webhook
) -> str:
    """Tells the fact to whom it concerns: `transfer`, `call`, or `nobody`.

    Raises a 503 when Temporal is silent, the one case in which a repetition would help.
    """
    if fact is None or not CONFERENCE_SID.fullmatch(conference_sid):
        metrics.fact("none", "ignored")
        return "nobody"
    try:
        heard_by = await facts.tell(conference_sid, fact, webhook.token)
    except EngineUnreachableError:
        metrics.fact(fact.kind, "engine_unreachable")
        log.error("webhook lost: engine unreachable", fact=fact.kind, call=conference_sid)
        raise unreachable() from None
    metrics.fact(fact.kind, heard_by)
    return heard_by
