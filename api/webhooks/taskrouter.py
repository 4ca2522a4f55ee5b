"""TaskRouter's requests: which worker is called for which task, and what became of the tasks."""

from __future__ import annotations

import time

import structlog
from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from api.dependencies import FactsDep, MetricsDep, SettingsDep, WebhookDep
from api.webhooks.assignment import Policy, instruction_for
from api.webhooks.signature import verify
from api.webhooks.status import carry
from api.webhooks.tasks import task_fact

log = structlog.get_logger("handover.api.webhooks")

router = APIRouter(
    prefix="/twilio/taskrouter",
    tags=["twilio"],
    dependencies=[Depends(verify)],
    include_in_schema=False,
)


@router.post("/assignment")
async def assignment(webhook: WebhookDep, settings: SettingsDep, metrics: MetricsDep) -> Response:
    """A worker was found. Answered from the request alone: neither Twilio nor Temporal is asked."""
    policy = Policy(
        base_url=settings.public_base_url,
        number=settings.twilio_number,
        ring_seconds=int(settings.handover_agent_ring_seconds),
        is_recorded=settings.is_recorded,
    )
    instruction = instruction_for(webhook.get, policy)
    metrics.fact("assignment", instruction.word)
    if instruction.because:
        log.error(
            "reservation rejected",
            because=instruction.because,
            task=webhook.get("TaskSid")[:34],
            worker=webhook.get("WorkerSid")[:34],
        )
    return JSONResponse(instruction.body, headers={"Cache-Control": "no-store"})


@router.post("/events", status_code=204)
async def event(webhook: WebhookDep, facts: FactsDep, metrics: MetricsDep) -> Response:
    """An event of the workspace: the few that a transfer waits for are told to it."""
    found = task_fact(webhook.get, time.time())
    if found is None:
        metrics.fact("none", "ignored")
    else:
        await carry(facts, metrics, found[0], found[1], webhook)
    return Response(status_code=204)
