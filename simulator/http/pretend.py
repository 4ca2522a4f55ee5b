"""Answers that look like success while nothing happened: the `no_effect` fault."""

from typing import Any

from simulator.core import asks
from simulator.core.account_requests import parameter
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
    if operation.name == "participants.create":
        return _participant(network, ids[0], form)
    if verb == "create":
        from_, to = asks.addresses(form) if resource == "calls" else ("", "")
        return {"sid": network.sid("CA"), "status": "queued", "from": from_, "to": to}
    shape = {"calls": "Calls", "conferences": "Conferences", "numbers": "IncomingPhoneNumbers"}
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


def _participant(network: Network, ref: str, form: Form) -> dict[str, Any]:
    asks.addresses(form)
    sid = network.sid("CA")
    room = network.live_conference(ref)
    conference_sid = ref if ref.startswith("CF") else room.sid if room else network.sid("CF")
    body: dict[str, Any] = {
        "account_sid": network.account_sid,
        "call_sid": sid,
        "label": form.text("Label"),
        "conference_sid": conference_sid,
        "date_created": None,
        "date_updated": None,
        "status": "queued",
        "call_sid_to_coach": form.text("CallSidToCoach"),
        "queue_time": "0",
        "uri": f"{network.root}/Conferences/{conference_sid}/Participants/{sid}.json",
    }
    for name, key in REQUEST_NAMES.items():
        body[name] = form.true(key, default=name == "start_conference_on_enter")
    return body
