"""The table of Twilio's REST operations: method and path shape to an operation of the network.

A path below the account is read as collection, item, collection, item. The shape is the names of
the collections, and whether an item comes last. Names of operations are what faults are aimed at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.core.network import Network
from simulator.core.text import Form

Run = Callable[[Network, list[str], Form], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """`success` is the HTTP status of a good answer; `writes` whether it may change something."""

    name: str
    run: Run
    success: int = 200
    writes: bool = False


def _create(name: str, run: Run) -> Operation:
    return Operation(f"{name}.create", run, 201, writes=True)


def _update(name: str, run: Run) -> Operation:
    return Operation(f"{name}.update", run, 200, writes=True)


def _delete(name: str, run: Run) -> Operation:
    return Operation(f"{name}.delete", run, 204, writes=True)


def _read(name: str, run: Run) -> Operation:
    return Operation(name, run)


Routes = dict[tuple[str, str, bool], Operation]
CALLS: Routes = {
    ("POST", "Calls", False): _create("calls", lambda n, _, f: n.create_call(f)),
    ("GET", "Calls", False): _read("calls.list", lambda n, _, f: n.list_calls(f)),
    ("GET", "Calls", True): _read("calls.fetch", lambda n, i, _: n.fetch_call(i[0])),
    ("POST", "Calls", True): _update("calls", lambda n, i, f: n.update_call(i[0], f)),
    ("DELETE", "Calls", True): _delete("calls", lambda n, i, _: n.delete_call(i[0])),
    ("GET", "Calls/Recordings", False): _read(
        "call_recordings.list", lambda n, i, f: n.list_call_recordings(i[0], f)
    ),
    ("GET", "Calls/Recordings", True): _read(
        "call_recordings.fetch", lambda n, i, _: n.fetch_call_recording(i[0], i[1])
    ),
}
CONFERENCES: Routes = {
    ("GET", "Conferences", False): _read("conferences.list", lambda n, _, f: n.list_conferences(f)),
    ("GET", "Conferences", True): _read(
        "conferences.fetch", lambda n, i, _: n.fetch_conference(i[0])
    ),
    ("POST", "Conferences", True): _update(
        "conferences", lambda n, i, f: n.update_conference(i[0], f)
    ),
    ("GET", "Conferences/Recordings", False): _read(
        "conference_recordings.list", lambda n, i, f: n.list_conference_recordings(i[0], f)
    ),
    ("POST", "Conferences/Recordings", False): _create(
        "conference_recordings", lambda n, i, f: n.create_conference_recording(i[0], f)
    ),
    ("GET", "Conferences/Recordings", True): _read(
        "conference_recordings.fetch", lambda n, i, _: n.fetch_conference_recording(i[0], i[1])
    ),
    ("POST", "Conferences/Recordings", True): _update(
        "conference_recordings", lambda n, i, f: n.update_conference_recording(i[0], i[1], f)
    ),
    ("DELETE", "Conferences/Recordings", True): _delete(
        "conference_recordings", lambda n, i, _: n.delete_conference_recording(i[0], i[1])
    ),
    ("POST", "Conferences/Participants", False): _create(
        "participants", lambda n, i, f: n.create_participant(i[0], f)
    ),
    ("GET", "Conferences/Participants", False): _read(
        "participants.list", lambda n, i, f: n.list_participants(i[0], f)
    ),
    ("GET", "Conferences/Participants", True): _read(
        "participants.fetch", lambda n, i, _: n.fetch_participant(i[0], i[1])
    ),
    ("POST", "Conferences/Participants", True): _update(
        "participants", lambda n, i, f: n.update_participant(i[0], i[1], f)
    ),
    ("DELETE", "Conferences/Participants", True): _delete(
        "participants", lambda n, i, _: n.delete_participant(i[0], i[1])
    ),
}
ACCOUNT: Routes = {
    ("GET", "", True): _read("account.fetch", lambda n, _i, _f: n.fetch_account()),
    ("GET", "IncomingPhoneNumbers", False): _read(
        "numbers.list", lambda n, _, f: n.list_numbers(f)
    ),
    ("POST", "IncomingPhoneNumbers", False): _create("numbers", lambda n, _, f: n.create_number(f)),
    ("GET", "IncomingPhoneNumbers", True): _read(
        "numbers.fetch", lambda n, i, _: n.fetch_number(i[0])
    ),
    ("POST", "IncomingPhoneNumbers", True): _update(
        "numbers", lambda n, i, f: n.update_number(i[0], f)
    ),
    ("DELETE", "IncomingPhoneNumbers", True): _delete(
        "numbers", lambda n, i, _: n.delete_number(i[0])
    ),
    ("GET", "Applications", False): _read(
        "applications.list", lambda n, _, f: n.list_applications(f)
    ),
    ("POST", "Applications", False): _create(
        "applications", lambda n, _, f: n.create_application(f)
    ),
    ("GET", "Applications", True): _read(
        "applications.fetch", lambda n, i, _: n.fetch_application(i[0])
    ),
    ("POST", "Applications", True): _update(
        "applications", lambda n, i, f: n.update_application(i[0], f)
    ),
    ("DELETE", "Applications", True): _delete(
        "applications", lambda n, i, _: n.delete_application(i[0])
    ),
}
QUEUES: Routes = {
    ("GET", "Queues", False): _read("queues.list", lambda n, _, f: n.list_queues(f)),
    ("POST", "Queues", False): _create("queues", lambda n, _, f: n.create_queue(f)),
    ("GET", "Queues", True): _read("queues.fetch", lambda n, i, _: n.fetch_queue(i[0])),
    ("POST", "Queues", True): _update("queues", lambda n, i, f: n.update_queue(i[0], f)),
    ("DELETE", "Queues", True): _delete("queues", lambda n, i, _: n.delete_queue(i[0])),
    ("GET", "Queues/Members", False): _read(
        "members.list", lambda n, i, f: n.list_queue_members(i[0], f)
    ),
    ("GET", "Queues/Members", True): _read(
        "members.fetch", lambda n, i, _: n.fetch_queue_member(i[0], i[1])
    ),
    ("POST", "Queues/Members", True): _update(
        "members", lambda n, i, f: n.update_queue_member(i[0], i[1], f)
    ),
}
ROUTES: Routes = {**CALLS, **CONFERENCES, **ACCOUNT, **QUEUES}
SHAPES = frozenset((shape, item) for _, shape, item in ROUTES)
