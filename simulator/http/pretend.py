"""Answers that look like success while nothing happened: the `no_effect` fault."""

from typing import Any

from simulator.core import asks, resources
from simulator.core.account_requests import parameter
from simulator.core.model import Call, Conference, Document, Participant
from simulator.core.network import Network
from simulator.core.text import Form
from simulator.http.routes import ROUTES, Operation

FLAGS = ("muted", "hold", "coaching", "end_conference_on_exit", "start_conference_on_enter")
REQUEST_NAMES = {name: parameter(name) for name in FLAGS}


def pretended(network: Network, operation: Operation, ids: list[str], form: Form) -> Any:
    """What the answer would have been; raises as the real thing would when nothing is there."""
    resource, verb = operation.name.split(".")
    if verb == "delete":
        return None
    if verb == "create":
        return _created(network, operation, resource, ids, form)
    shape = {
        "calls": "Calls",
        "conferences": "Conferences",
        "numbers": "IncomingPhoneNumbers",
        "conference_recordings": "Conferences/Recordings",
    }
    path = shape.get(resource, "Conferences/Participants")
    body: dict[str, Any] = ROUTES["GET", path, True].run(network, ids, Form({}))
    return {**body, **_echo(body, form)}


def _echo(body: dict[str, Any], form: Form) -> dict[str, Any]:
    asked: dict[str, Any] = {
        name: form.true(key) for name, key in REQUEST_NAMES.items() if name in body and key in form
    }
    if "CallSidToCoach" in form and "call_sid_to_coach" in body:
        asked["call_sid_to_coach"] = form.text("CallSidToCoach")
    if "Status" in form:
        asked["status"] = form.text("Status")
    return asked


def _created(
    network: Network, operation: Operation, resource: str, ids: list[str], form: Form
) -> dict[str, Any]:
    """A body for something that was never made, under an identifier nobody will find."""
    if resource in ("numbers", "applications", "queues"):
        made: dict[str, Any] = operation.run(network, ids, form)
        for table in (network.numbers, network.applications, network.queues_by_sid):
            table.pop(made["sid"], None)
        return made
    from_, to = asks.addresses(form)
    now = network.clock.now
    leg = Call(network.sid("CA"), from_, to, "outbound-api", to, now, now, Document())
    if resource == "calls":
        return resources.new_call(network, leg)
    ref = ids[0]
    room = network.live_conference(ref) or network.conferences_by_sid.get(ref)
    room = room or Conference(network.sid("CF"), ref, now, now)
    ghost = Participant(leg, room, "api", now, now, label=form.text("Label"), queue_time="0")
    body = resources.participant(network, ghost)
    return {**body, **_echo(body, form), "status": "queued"}
