"""The api process of the floor: three bare routes that start, signal and ask, and check nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.floor import QUEUE, Ask, Floor
from workflows.views import CALLER_LABEL

ANSWERED = ("CallStatus", "in-progress")
LEFT = ("StatusCallbackEvent", "participant-leave")


async def _start(request: Request) -> Response:
    body = await request.json()
    script = [Ask(**each) for each in body["script"]]
    client: Client = request.app.state.client
    await client.start_workflow(Floor.run, script, id=body["id"], task_queue=QUEUE)
    return JSONResponse({"id": body["id"]}, 202)


async def _hear(request: Request) -> Response:
    """Passes on that the target answered or the caller left, as the engine does, and no more."""
    form = await request.form()
    told = set(form.items())
    if ANSWERED in told or (LEFT in told and form.get("ParticipantLabel") == CALLER_LABEL):
        handle = request.app.state.client.get_workflow_handle(request.path_params["id"])
        try:
            await handle.signal(Floor.hear)
        except RPCError:
            return Response(status_code=204)
    return Response(status_code=204)


async def _ask(request: Request) -> Response:
    handle = request.app.state.client.get_workflow_handle(request.path_params["id"])
    return JSONResponse({"heard": await handle.execute_update(Floor.ask)})


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def create_app() -> Starlette:
    """The application, for `uvicorn --factory`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
        yield

    return Starlette(
        routes=[
            Route("/start", _start, methods=["POST"]),
            Route("/hear/{id}", _hear, methods=["POST"]),
            Route("/ask/{id}", _ask, methods=["POST"]),
            Route("/healthz", _healthy),
        ],
        lifespan=lifespan,
    )
