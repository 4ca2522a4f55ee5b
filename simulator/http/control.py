"""The control face: what a test, an operator or the phones page does with the network."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from simulator.core.account_requests import parameter
from simulator.core.errors import TwilioError
from simulator.core.network import Network
from simulator.core.phones import Behavior, PhoneError
from simulator.faults import FaultRule
from simulator.http import views
from simulator.http.bodies import (
    ActionBody,
    AdvanceBody,
    BehaviorBody,
    CallBody,
    DigitsBody,
    FaultBody,
    NumberBody,
    SwitchesBody,
)
from simulator.http.runtime import Runtime
from simulator.http.taskrouter_control import add_taskrouter

PREFIX = "/simulator/v1"
PAGE = Path(__file__).with_name("phones.html")
KEEP_ALIVE_SECONDS = 15.0
Body = dict[str, Any]


def create_control(runtime: Runtime) -> FastAPI:
    """The face as an application of its own, with its OpenAPI page at /docs."""
    app = FastAPI(title="Simulated telephone network: control", version="1")
    _add_errors(app)
    _add_people(app, runtime)
    _add_views(app, runtime)
    _add_logs(app, runtime)
    _add_faults(app, runtime)
    _add_time(app, runtime)
    add_taskrouter(app, runtime)
    return app


def _add_errors(app: FastAPI) -> None:
    """Unknown things are 404, impossible ones 409, with the reason."""

    async def missing(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error.args[0])}, 404)

    async def impossible(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    async def refused(_: Request, error: Exception) -> JSONResponse:
        body = error.body() if isinstance(error, TwilioError) else {}
        return JSONResponse({"detail": body.get("message"), **body}, body.get("status", 400))

    app.add_exception_handler(LookupError, missing)
    app.add_exception_handler(PhoneError, impossible)
    app.add_exception_handler(TwilioError, refused)


@contextlib.contextmanager
def _valid() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _add_people(app: FastAPI, runtime: Runtime) -> None:
    @app.post(f"{PREFIX}/numbers", status_code=201)
    async def add_number(body: NumberBody) -> Body:
        """Add a number, or change the settings of one that is there."""
        given = {parameter(name): value for name, value in body.model_dump().items()}
        with runtime.act() as network:
            known = network.number_of(body.phone_number)
            if known is None:
                return network.create_number(given)
            return network.update_number(known.sid, given)

    @app.post(f"{PREFIX}/calls", status_code=201)
    async def place_call(body: CallBody) -> Body:
        """A person outside dials a number of the account."""
        with runtime.act() as network:
            call = network.dial_in(body.from_, body.to, forwarded_from=body.forwarded_from)
            return {"call_sid": call.sid, "from": call.from_, "to": call.to, "status": call.status}

    def acted(network: Network, address: str) -> Body:
        return views.phone(network, network.phones.get(address))

    @app.post(PREFIX + "/phones/{address}/answer")
    async def answer(address: str, body: ActionBody | None = None) -> Body:
        with runtime.act() as network:
            network.phones.answer(address, body.call_sid if body else None)
            return acted(network, address)

    @app.post(PREFIX + "/phones/{address}/reject")
    async def reject(address: str, body: ActionBody | None = None) -> Body:
        with runtime.act() as network:
            network.phones.reject(address, body.call_sid if body else None)
            return acted(network, address)

    @app.post(PREFIX + "/phones/{address}/hangup")
    async def hangup(address: str, body: ActionBody | None = None) -> Body:
        with runtime.act() as network:
            network.phones.hangup(address, body.call_sid if body else None)
            return acted(network, address)

    @app.post(PREFIX + "/phones/{address}/digits")
    async def digits(address: str, body: DigitsBody) -> Body:
        with runtime.act() as network:
            network.phones.digits(address, body.digits.upper(), body.call_sid)
            return acted(network, address)

    @app.put(PREFIX + "/phones/{address}/behavior")
    async def behave(address: str, body: BehaviorBody | list[BehaviorBody]) -> Body:
        """What the phone does by itself; a list is used call by call, the last for the rest."""
        several = body if isinstance(body, list) else [body]
        with _valid():
            behaviors = [Behavior(**one.model_dump()) for one in several]
        if not behaviors:
            raise HTTPException(422, "at least one behavior is needed")
        with runtime.act() as network:
            network.phones.behave(address, *behaviors)
            return acted(network, address)


def _add_views(app: FastAPI, runtime: Runtime) -> None:
    @app.get(f"{PREFIX}/numbers")
    async def numbers() -> Body:
        with runtime.act() as network:
            found = network.numbers.values()
            return {"numbers": [network.fetch_number(number.sid) for number in found]}

    @app.get(f"{PREFIX}/phones")
    async def phones() -> Body:
        with runtime.act() as network:
            return {"phones": [views.phone(network, phone) for phone in network.phones]}

    @app.get(PREFIX + "/phones/{address}")
    async def phone(address: str) -> Body:
        with runtime.act() as network:
            return views.phone(network, network.phones.get(address))

    @app.get(f"{PREFIX}/conferences")
    async def rooms() -> Body:
        with runtime.act() as network:
            live = network.live_rooms.values()
            return {"conferences": [views.hearing(network, room) for room in live]}

    @app.get(PREFIX + "/conferences/{sid}/hearing")
    async def hearing(sid: str) -> Body:
        with runtime.act() as network:
            return views.hearing(network, network.conference(sid))

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))

    @app.get("/healthz", include_in_schema=False)
    async def healthy() -> Body:
        return {"status": "ok", "account_sid": runtime.settings.account_sid}


def _add_logs(app: FastAPI, runtime: Runtime) -> None:
    @app.get(f"{PREFIX}/ledger")
    async def ledger(
        call: str | None = None,
        conference: str | None = None,
        kind: str | None = None,
        since: int = 0,
    ) -> Body:
        with runtime.act() as network:
            found = network.ledger.select(
                call_sid=call, conference_sid=conference, kind=kind, since=since
            )
            return {"entries": [entry.as_dict() for entry in found], "last": network.ledger.seq}

    @app.get(f"{PREFIX}/requests")
    async def requests(route: str | None = None, since: int = 0) -> Body:
        found = [
            record
            for record in runtime.requests
            if record["seq"] > since and route in (None, record["route"])
        ]
        return {"requests": found, "last": runtime.request_count}

    @app.get(f"{PREFIX}/callbacks")
    async def callbacks(event: str | None = None, since: int = 0) -> Body:
        found = [
            record
            for record in runtime.delivery.records
            if record["seq"] > since and event in (None, record["event"])
        ]
        return {"callbacks": found}

    @app.get(f"{PREFIX}/debugger")
    async def debugger() -> Body:
        with runtime.act() as network:
            return {"alerts": [views.alert(alert) for alert in network.alerts]}

    @app.get(f"{PREFIX}/events")
    async def events(request: Request, since: int | None = None) -> StreamingResponse:
        """Ledger entries as server-sent events; `since` or Last-Event-ID sends the past first."""
        last = request.headers.get("last-event-id", "")
        start = int(last) if last.isdigit() else since
        return StreamingResponse(
            _stream(runtime, start),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )


async def _stream(runtime: Runtime, since: int | None) -> AsyncIterator[str]:
    with runtime.subscribed() as queue:
        yield ": open\n\n"
        sent = runtime.network.ledger.seq if since is None else since
        for entry in runtime.network.ledger.select(since=sent):
            sent = entry.seq
            yield _event(entry.as_dict())
        while True:
            try:
                entry = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": alive\n\n"
                continue
            if entry.seq > sent:
                sent = entry.seq
                yield _event(entry.as_dict())


def _event(entry: Body) -> str:
    return f"id: {entry['seq']}\nevent: {entry['kind']}\ndata: {json.dumps(entry)}\n\n"


def _add_faults(app: FastAPI, runtime: Runtime) -> None:
    @app.post(f"{PREFIX}/faults", status_code=201)
    async def add_fault(body: FaultBody | list[FaultBody]) -> Body:
        several = body if isinstance(body, list) else [body]
        with _valid():
            rules = [FaultRule(**one.model_dump()) for one in several]
        return {"faults": [runtime.faults.add(rule).as_dict() for rule in rules]}

    @app.get(f"{PREFIX}/faults")
    async def faults() -> Body:
        return {"faults": [rule.as_dict() for rule in runtime.faults]}

    @app.delete(f"{PREFIX}/faults", status_code=204)
    async def clear_faults() -> None:
        runtime.faults.clear()

    @app.delete(PREFIX + "/faults/{fault_id}", status_code=204)
    async def remove_fault(fault_id: str) -> None:
        if not runtime.faults.remove(fault_id):
            raise HTTPException(404, f"there is no fault {fault_id}")

    @app.get(f"{PREFIX}/switches")
    async def switches() -> Body:
        return runtime.network.switches.described()

    @app.put(f"{PREFIX}/switches")
    async def put_switches(body: SwitchesBody) -> Body:
        """Only the switches named change; the answer shows all."""
        with _valid(), runtime.act() as network:
            network.switches.put(body.changes())
            return network.switches.described()


def _add_time(app: FastAPI, runtime: Runtime) -> None:
    def now() -> Body:
        clock = runtime.network.clock
        return {"now": clock.now, "next": clock.next_at(), "turnable": runtime.settings.turnable}

    @app.get(f"{PREFIX}/clock")
    async def clock() -> Body:
        with runtime.act():
            return now()

    @app.post(f"{PREFIX}/clock/advance")
    async def advance(body: AdvanceBody) -> Body:
        """Let time pass; answers when everything sent on the way has been answered."""
        if not runtime.settings.turnable:
            raise HTTPException(409, "the clock is real; start with SIMULATOR_CLOCK=turnable")
        await runtime.advance(body.seconds)
        return now()

    @app.post(f"{PREFIX}/settle")
    async def settle() -> Body:
        """Answers when no request to the application is under way any more."""
        return {"settled": await runtime.settled(), **now()}

    @app.post(f"{PREFIX}/reset", status_code=204)
    async def reset() -> None:
        runtime.reset()
