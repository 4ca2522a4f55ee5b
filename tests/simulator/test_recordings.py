"""Recordings of conferences: with the room, over REST, and what the application is told."""

import json

import pytest

from simulator.core.errors import TwilioError
from tests.simulator.network_kit import EVENTS, World
from tests.simulator.openapi import DATA, OPENAPI
from tests.simulator.stack import Stack

TOLD = (
    'recordingStatusCallback="http://app/recordings" '
    'recordingStatusCallbackEvent="in-progress paused stopped completed"'
)


def told(world: World) -> list[str]:
    return [params["RecordingStatus"] for params in world.callbacks("http://app/recordings")]


def test_recording_runs_from_start_to_end_of_the_room(world: World) -> None:
    caller, room = world.caller_in_room(attributes=f'{EVENTS} record="record-from-start" {TOLD}')
    world.advance(5)
    assert world.network.list_conference_recordings(room)["recordings"] == []
    world.add(room)
    world.advance(30)
    (made,) = world.network.list_conference_recordings(room)["recordings"]
    assert (made["status"], made["duration"], made["source"]) == ("in-progress", None, "Conference")
    assert made["call_sid"] == caller.sid
    world.network.update_conference(room, {"Status": "completed"})
    world.advance()
    done = world.network.fetch_conference_recording(room, made["sid"])
    assert (done["status"], done["duration"]) == ("completed", "30")
    assert told(world) == ["in-progress", "stopped", "completed"]
    assert world.callbacks("http://app/recordings")[-1]["RecordingDuration"] == "30"


@pytest.mark.parametrize(("behavior", "seconds"), [("skip", "20"), ("silence", "30"), ("", "30")])
def test_pause_and_resume(world: World, behavior: str, seconds: str) -> None:
    _, room = world.caller_in_room()
    world.add(room)
    network = world.network
    made = network.create_conference_recording(room, {})
    world.advance(10)
    asked = {"Status": "paused", **({"PauseBehavior": behavior} if behavior else {})}
    assert network.update_conference_recording(room, "Twilio.CURRENT", asked)["status"] == "paused"
    world.advance(10)
    network.update_conference_recording(room, made["sid"], {"Status": "in-progress"})
    world.advance(10)
    stopped = network.update_conference_recording(room, made["sid"], {"Status": "stopped"})
    assert stopped["status"] == "stopped"
    world.advance()
    assert network.fetch_conference_recording(room, made["sid"])["duration"] == seconds
    network.delete_conference_recording(room, made["sid"])
    with pytest.raises(TwilioError):
        network.fetch_conference_recording(room, made["sid"])


def test_api_participant_asks_for_a_recording(world: World) -> None:
    world.add("support", ConferenceRecord="true", RecordingChannels="dual")
    world.add("support", to="client:other")
    room = world.network.list_conferences()["conferences"][0]["sid"]
    (made,) = world.network.list_conference_recordings(room)["recordings"]
    assert made["channels"] == 2


def test_what_cannot_be_done_is_refused(world: World) -> None:
    _, room = world.caller_in_room()
    world.add(room)
    network = world.network
    sid = network.create_conference_recording(room, {})["sid"]
    for ask in (
        lambda: network.create_conference_recording(room, {}),
        lambda: network.update_conference_recording(room, sid, {"Status": "completed"}),
        lambda: network.update_conference_recording(
            room, sid, {"Status": "paused", "PauseBehavior": "hum"}
        ),
        lambda: network.delete_conference_recording(room, sid),
        lambda: network.fetch_conference_recording(room, "RE" + "0" * 32),
    ):
        with pytest.raises(TwilioError):
            ask()
    network.update_conference_recording(room, sid, {"Status": "stopped"})
    with pytest.raises(TwilioError) as caught:
        network.update_conference_recording(room, sid, {"Status": "paused"})
    assert caught.value.code == 21220


async def test_over_http_as_the_document_says(stack: Stack) -> None:
    stack.application.documents["/voice"] = (
        '<Response><Dial><Conference record="true">support</Conference></Dial></Response>'
    )
    await stack.control("POST", "/calls", {"from": "+15557770000", "to": "+15550001111"})
    await stack.advance()
    await stack.control("POST", "/calls", {"from": "+15557770001", "to": "+15550001111"})
    await stack.advance(3)
    room = (await stack.rest("GET", "/Conferences.json")).json()["conferences"][0]["sid"]
    path = f"/Conferences/{room}/Recordings"
    (made,) = (await stack.rest("GET", f"{path}.json")).json()["recordings"]
    examples = DATA / "payloads" / "rest" / "conference_recording_list.readFull.200.json"
    assert set(made) == set(json.loads(examples.read_text())["recordings"][0])
    item = f"{path}/{made['sid']}.json"
    assert (await stack.rest("POST", item, Status="stopped")).json()["status"] == "stopped"
    assert (await stack.rest("GET", item)).json()["duration"] == "3"
    assert (await stack.rest("DELETE", item)).status_code == 204
    assert any("Recordings/{Sid}" in template for _, template, _ in OPENAPI.checked)
