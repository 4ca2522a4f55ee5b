"""Is the fake true? Its bodies and callbacks beside recorded and published ones.

Compared are names of fields and forms of values (a date, a SID, a number in a text), not the
values themselves, which are illustrative in the published examples.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simulator.core.errors import not_found, unauthenticated
from simulator.core.phones import Behavior
from tests.simulator.network_kit import CALLER, EVENTS, NUMBER, World
from tests.simulator.openapi import DATA, OPENAPI

PAYLOADS = DATA / "payloads"
FORMS = (
    ("date", r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}"),
    ("sid", r"[A-Z]{2}[0-9a-f]{32}"),
    ("uri", r"/2010-04-01/.*"),
    ("phone", r"\+\d+|\(\d{3}\) \d{3}-\d{4}"),
    ("digits", r"\d+"),
    ("flag", r"true|false"),
)
# Forms that may stand for one another: texts that happen to be empty, or to be a word.
LOOSE = {"text", "phone", "digits", "none"}


def load(name: str) -> Any:
    return json.loads((PAYLOADS / name).read_text())


def form(value: Any) -> str:
    if value is None:
        return "none"
    if not isinstance(value, str):
        return type(value).__name__
    return next((name for name, shape in FORMS if re.fullmatch(shape, value)), "text")


def assert_alike(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """The same fields, and values written the same way where both have one."""
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        mine, other = form(ours[name]), form(value)
        if "none" in (mine, other) or {mine, other} <= LOOSE:
            continue
        assert mine == other, f"{name}: {ours[name]!r} beside {value!r}"


def rest(pattern: str) -> list[Path]:
    return sorted((PAYLOADS / "rest").glob(pattern))


@pytest.fixture
def busy(world: World) -> World:
    """A caller and an agent in a room, a call in a queue, a call under way."""
    world.caller_in_room()
    world.add("room", Label="agent")
    world.call_in("<Response><Enqueue>line</Enqueue></Response>", caller="+15557770002")
    world.network.create_call({"From": NUMBER, "To": "+15550009999", "Twiml": "<Response/>"})
    world.advance(3)
    return world


def bodies(world: World) -> dict[str, dict[str, Any]]:
    network = world.network
    room = network.list_conferences()["conferences"][0]
    queue = network.list_queues()["queues"][0]
    call = network.list_calls()["calls"][0]
    return {
        "participant": network.fetch_participant(room["sid"], "agent"),
        "conference": room,
        "call": call,
        "queue": queue,
        "member": network.fetch_queue_member(queue["sid"], "Front"),
    }


CASES = [
    ("participant", path.name)
    for pattern in (
        "participant_create.*.201.json",
        "participant_fetch.*",
        "participant_update.*200*",
    )
    for path in rest(pattern)
]
CASES += [("conference", path.name) for path in rest("conference_fetch.*")]
CASES += [("conference", path.name) for path in rest("conference_update.*.200.json")]
CASES += [("call", path.name) for path in rest("call_*.20[01].json") if "_list" not in path.name]
CASES += [("queue", path.name) for path in rest("queue_fetch.*")]
CASES += [("member", path.name) for path in rest("member_*.200.json") if "_list" not in path.name]
CASES = [(kind, name) for kind, name in CASES if "events" not in name]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_resource_has_the_published_fields_and_forms(busy: World, kind: str, name: str) -> None:
    assert_alike(bodies(busy)[kind], load(f"rest/{name}"))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("participant_list.readFull.200.json", "participants"),
        ("call_list.readFullPage1.200.json", "calls"),
        ("conference_list.readFull.200.json", "conferences"),
        ("queue_list.readFull.200.json", "queues"),
        ("member_list.readFull.200.json", "queue_members"),
    ],
)
def test_page_has_the_published_fields_and_forms(busy: World, name: str, key: str) -> None:
    network, theirs = busy.network, load(f"rest/{name}")
    room = network.list_conferences()["conferences"][0]["sid"]
    queue = network.list_queues()["queues"][0]["sid"]
    ours = {
        "participants": lambda: network.list_participants(room, {"PageSize": 1}),
        "calls": lambda: network.list_calls({"PageSize": 1}),
        "conferences": lambda: network.list_conferences({"PageSize": 1}),
        "queues": lambda: network.list_queues({"PageSize": 1}),
        "queue_members": lambda: network.list_queue_members(queue, {"PageSize": 1}),
    }[key]()
    assert set(ours) == set(theirs)
    assert_alike({**ours, key: None}, {**theirs, key: None})


def test_created_call_is_as_recorded(world: World) -> None:
    """A real answer: queued, no times yet. Twilio has added fields since it was recorded."""
    recorded = load("recorded/call_create.json")
    ours = world.network.create_call({"From": NUMBER, "To": "+15550009999", "Twiml": "<Response/>"})
    for name in ("status", "direction", "price_unit", "api_version", "price", "start_time",
                 "end_time", "duration", "date_created", "date_updated"):  # fmt: skip
        assert ours[name] == recorded[name], name
    older = {name: value for name, value in recorded.items() if name in ours}
    assert set(recorded) - set(older) == {"annotation"}
    for name, value in older.items():
        assert form(ours[name]) == form(value), name


@pytest.mark.parametrize("name", ["conference_fetch.json", "conference_list.json"])
def test_recorded_conferences_have_no_field_that_we_lack(busy: World, name: str) -> None:
    recorded = load(f"recorded/{name}")
    theirs = recorded["conferences"][0] if "conferences" in recorded else recorded
    ours = bodies(busy)["conference"]
    assert set(theirs) <= set(ours)
    assert all(form(ours[k]) == form(v) for k, v in theirs.items())


# -- Errors ------------------------------------------------------------------------------------


def test_error_bodies_are_the_published_ones(world: World) -> None:
    recorded = load("errors/20404_resource_not_found.json")
    path = (
        recorded["message"].removeprefix("The requested resource ").removesuffix(" was not found")
    )
    assert not_found(path).body() == recorded
    assert unauthenticated("No credentials provided").body() == load(
        "errors/20003_no_credentials.json"
    )


# -- Callbacks ---------------------------------------------------------------------------------


def test_progress_callback_has_the_recorded_fields(world: World) -> None:
    world.network.phones.behave("+15550009999", Behavior("no_answer"))
    world.network.create_call(
        {
            "From": NUMBER,
            "To": "+15550009999",
            "Url": "http://app/x",
            "StatusCallback": "http://app/progress",
            "Timeout": "5",
        }
    )
    world.advance(20)
    ours = world.callbacks("http://app/progress")[-1]
    assert_alike(ours, load("callbacks/call_progress_participant.json"))
    assert ours["SipResponseCode"] == "487"


@pytest.fixture
def told(world: World) -> dict[str, dict[str, str]]:
    """One callback of each kind, from a story that touches all of them."""
    world.documents["http://app/news"] = "<Response><Say>news</Say></Response>"
    attributes = f'{EVENTS} participantLabel="customer"'
    caller, room = world.caller_in_room("MyConf", attributes)
    agent = world.add(room)
    update = world.network.update_participant
    for change in (
        {"Muted": "true"},
        {"Muted": "false"},
        {"Hold": "true"},
        {"Hold": "false"},
        {"EndConferenceOnExit": "true"},
        {"EndConferenceOnExit": "false"},
        {"AnnounceUrl": "http://app/news"},
    ):
        update(room, "customer", change)
    world.advance(2)
    world.network.phones.behave("client:busy", Behavior("busy"))
    world.add(room, "client:busy", Label="busy")
    world.network.calls.finish(agent, "completed", by="phone")
    world.network.calls.finish(caller, "completed", by="phone")
    found: dict[str, dict[str, str]] = {}
    for params in world.callbacks():
        key = params["StatusCallbackEvent"]
        if params.get("ReasonParticipantLeft") == "participant_add_failed":
            key += ".never-answered"
        if key != "participant-leave" or params.get("ParticipantLabel"):
            found.setdefault(key, params)
    return found


@pytest.mark.parametrize(
    "name",
    [
        path.name
        for path in sorted((PAYLOADS / "events").glob("conference.*.json"))
        # Speech is not simulated, and the failure of an announcement is a fault inside Twilio.
        if "speech" not in path.name and "announcement-fail" not in path.name
    ],
)
def test_conference_event_has_the_published_fields(
    told: dict[str, dict[str, str]], name: str
) -> None:
    event = name.removeprefix("conference.").removesuffix(".json")
    theirs = load(f"events/{name}")
    ours = told[event]
    assert set(ours) == set(theirs)
    for field in ("Muted", "Hold", "StatusCallbackEvent", "ParticipantCallStatus", "Timestamp"):
        if field in theirs:
            assert form(ours[field]) in (form(theirs[field]), "text", "date")
    assert ours["StatusCallbackEvent"] == theirs["StatusCallbackEvent"]


def test_sequence_numbers_have_no_gap(world: World) -> None:
    caller, room = world.caller_in_room()
    world.add(room)
    world.network.calls.finish(caller, "completed", by="phone")
    numbers = [int(params["SequenceNumber"]) for params in world.callbacks()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_document_request_has_the_standard_fields(world: World) -> None:
    world.call_in("<Response/>")
    asked = world.callbacks("http://app/voice")[0]
    assert {"CallSid", "AccountSid", "From", "To", "CallStatus", "ApiVersion", "Direction"} <= set(
        asked
    )
    assert (asked["CallStatus"], asked["Direction"]) == ("ringing", "inbound")
    assert (asked["From"], asked["CallToken"] != "") == (CALLER, True)


# -- The OpenAPI document ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "asleep"}, "asleep"),
        ({"muted": "no"}, "muted"),
        ({"call_sid": "CAx"}, "call_sid"),
        ({"extra": 1}, "extra"),
        ({"date_created": "2026-01-01"}, "date_created"),
    ],
)
def test_the_check_itself_finds_what_is_wrong(
    busy: World, change: dict[str, Any], message: str
) -> None:
    body = {**bodies(busy)["participant"], **change}
    with pytest.raises(AssertionError, match=message):
        OPENAPI.check("GET", body["uri"], 200, json.dumps(body).encode())
    del body["label"]
    with pytest.raises(AssertionError, match="label"):
        OPENAPI.check("GET", body["uri"], 200, json.dumps(body).encode())
