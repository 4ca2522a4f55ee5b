"""Alive, ready, and the figures."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import PartsDep
from api.errors import Problem, documented

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Alive?")
async def alive() -> dict[str, str]:
    """The process serves requests. Asks nobody else."""
    return {"status": "alive"}


@router.get("/readyz", summary="Ready?", responses=documented(503))
async def ready(parts: PartsDep) -> dict[str, str]:
    """Temporal answers within a second."""
    if not await parts.engine.temporal.is_healthy():
        raise Problem(503, "not_ready", "Temporal does not answer.", {"Retry-After": "2"})
    return {"status": "ready"}


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(parts: PartsDep) -> Response:
    """Our own figures, without ids, names and numbers."""
    return Response(parts.metrics.text(), media_type=CONTENT_TYPE_LATEST)
