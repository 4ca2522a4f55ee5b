"""The answer to an assignment callback, out of what the callback itself says. Pure.

TaskRouter waits for five seconds, so nothing is asked of anybody on the way.
https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from api.webhooks.tasks import (
    RESERVATION_SID,
    Handover,
    attributes_in,
    booked_worker,
    handover_in,
    is_room,
)
from api.webhooks.translate import Get
from api.webhooks.twiml import CONFERENCE_EVENTS, RECORDED
from workflows.messages import TASK_SID

_CONTACT = re.compile(r"client:\S+|sips?:\S+@\S+|\+[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True)
class Policy:
    """What the settings say about every worker's phone."""

    base_url: str
    number: str
    """What workers see calling."""
    ring_seconds: int
    is_recorded: bool = False
    """Whether the room that a worker opens records from its start."""


@dataclass(frozen=True)
class Instruction:
    """The body of the answer, and for the log why a worker was not called."""

    body: dict[str, Any]
    because: str = ""

    @property
    def word(self) -> str:
        """TaskRouter's name of the instruction."""
        return str(self.body["instruction"])


def instruction_for(get: Get, policy: Policy) -> Instruction:
    """What TaskRouter shall do with this reservation: `conference` for a caller who waits, `call`
    for a transfer that looks for somebody, `accept` for a worker who is on the call already,
    `reject` for what cannot be done."""
    attributes = attributes_in(get("TaskAttributes"))
    if attributes is None:
        return _rejected("the task's attributes are not a JSON object")
    worker = attributes_in(get("WorkerAttributes")) or {}
    contact_uri = worker.get("contact_uri")
    if not isinstance(contact_uri, str) or not _CONTACT.fullmatch(contact_uri):
        return _rejected("the worker has no contact_uri that could be called")
    if "handover" not in attributes:
        return Instruction(_conference(policy))
    if (booked := booked_worker(attributes)) is not None:
        if booked and booked == get("WorkerSid"):
            return Instruction({"instruction": "accept"})
        return _rejected("the task is another worker's, who is on the call already")
    task_sid, reservation_sid = get("TaskSid"), get("ReservationSid")
    if not (TASK_SID.fullmatch(task_sid) and RESERVATION_SID.fullmatch(reservation_sid)):
        return _rejected("task or reservation have no SID")
    handover = handover_in(attributes)
    if handover is None:
        return _rejected("the task's attributes do not say which transfer it is of")
    if not is_room(handover.room):
        return _rejected("the room's name is missing, or cannot stand in an address")
    return Instruction(_call(policy, handover, contact_uri, task_sid, reservation_sid))


def _conference(policy: Policy) -> dict[str, Any]:
    """Caller and worker into a room that is named by the task. Nobody's hang-up ends it: what
    happens to the other one is the engine's decision. `to` is the worker's own `contact_uri`.

    Truth values are words: as JSON booleans some of them are ignored.
    """
    return {
        "instruction": "conference",
        "from": policy.number,
        "timeout": policy.ring_seconds,
        "beep": "false",
        "beep_on_customer_entrance": "false",
        "start_conference_on_enter": "true",
        "end_conference_on_exit": "false",
        "end_conference_on_customer_exit": "false",
        "conference_status_callback": f"{policy.base_url}/twilio/conference",
        "conference_status_callback_event": CONFERENCE_EVENTS,
        **({"conference_record": RECORDED} if policy.is_recorded else {}),
    }


def _call(
    policy: Policy, handover: Handover, to: str, task_sid: str, reservation_sid: str
) -> dict[str, Any]:
    """The worker's phone, and what it hears when it is picked up. The reservation stays open until
    the worker is in the room: then the engine accepts it."""
    place = f"{handover.conference_sid}/{quote(handover.label)}"
    where = {"room": handover.room, "task": task_sid, "reservation": reservation_sid}
    if handover.demands_accept:
        where["accept"] = "press_1"
    return {
        "instruction": "call",
        "to": to,
        "from": policy.number,
        "url": f"{policy.base_url}/twilio/voice/assigned/{place}?{urlencode(where)}",
        "status_callback_url": (
            f"{policy.base_url}/twilio/status/transfer/{place}?"
            + urlencode({"task": task_sid, "reservation": reservation_sid})
        ),
        "accept": "false",
        "timeout": policy.ring_seconds,
    }


def _rejected(because: str) -> Instruction:
    return Instruction({"instruction": "reject"}, because)
