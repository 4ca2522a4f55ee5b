"""The whole simulator over HTTP: REST, TwiML, signed callbacks and the control face together."""

from email.utils import parsedate_to_datetime

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.stack import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID, Stack

ROOM = (
    '<Response><Say>One moment</Say><Dial><Conference participantLabel="caller" '
    'statusCallback="{url}" statusCallbackEvent="start end join leave mute hold modify">support'
    "</Conference></Dial></Response>"
)


async def call_in(stack: Stack) -> tuple[str, str]:
    """A caller in the room `support`: the Call SID and the room's SID."""
    stack.application.documents["/voice"] = ROOM.format(url=stack.url("/events"))
    call = await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    await stack.advance(2)
    rooms = (await stack.rest("GET", "/Conferences.json", FriendlyName="support")).json()
    return call["call_sid"], rooms["conferences"][0]["sid"]


async def add_agent(stack: Stack, room: str, **params: str) -> dict[str, object]:
    await stack.control("PUT", "/phones/client:agent/behavior", {"kind": "answer"})
    answer = await stack.rest(
        "POST",
        f"/Conferences/{room}/Participants.json",
        **{"From": NUMBER, "To": "client:agent", "Label": "agent", **params},
    )
    assert answer.status_code == 201
    await stack.advance()
    return dict(answer.json())


async def test_each_answer_tells_the_time_by_the_networks_clock(stack: Stack) -> None:
    _, room = await call_in(stack)
    made = (await stack.rest("GET", f"/Conferences/{room}.json")).json()["date_created"]
    await stack.advance(600)
    told = (await stack.rest("GET", f"/Conferences/{room}.json")).headers.get_list("date")
    moments = [parsedate_to_datetime(each) for each in (made, *told)]
    assert len(moments) == 2
    assert 600 <= (moments[1] - moments[0]).total_seconds() <= 602


async def test_caller_and_agent_meet_in_a_room(stack: Stack) -> None:
    call_sid, room = await call_in(stack)
    made = await add_agent(
        stack,
        room,
        StatusCallback=stack.url("/progress"),
        StatusCallbackEvent="initiated ringing answered completed",
    )
    assert made["status"] == "queued"
    shown = await stack.control("GET", f"/conferences/{room}/hearing")
    assert shown["pairs"] == sorted([[call_sid, made["call_sid"]], [made["call_sid"], call_sid]])
    phone = await stack.control("GET", f"/phones/{CALLER}")
    assert phone["hears"] == "conversation"
    assert [person["address"] for person in phone["can_hear"]] == ["client:agent"]
    assert stack.application.events() == [
        "participant-join",
        "participant-join",
        "conference-start",
    ]
    statuses = [asked.params["CallStatus"] for asked in stack.application.on("/progress")]
    assert sorted(statuses) == ["in-progress", "initiated", "ringing"]


async def test_every_webhook_is_signed_as_the_sdk_expects(stack: Stack) -> None:
    _, room = await call_in(stack)
    await add_agent(stack, room)
    validator = RequestValidator(AUTH_TOKEN)
    assert stack.application.asked
    for asked in stack.application.asked:
        signature = asked.headers["x-twilio-signature"]
        assert validator.validate(asked.url, asked.params, signature)
        assert not validator.validate(asked.url, {**asked.params, "To": "+1"}, signature)
        assert asked.headers["i-twilio-idempotency-token"]


async def test_hold_then_release_keeps_caller_in_the_room(stack: Stack) -> None:
    call_sid, room = await call_in(stack)
    await add_agent(stack, room)
    people = f"/Conferences/{room}/Participants"
    held = await stack.rest("POST", f"{people}/caller.json", Hold="true")
    assert held.json()["hold"] is True
    assert (await stack.rest("DELETE", f"{people}/agent.json")).status_code == 204
    listed = (await stack.rest("GET", f"{people}.json")).json()["participants"]
    assert [person["call_sid"] for person in listed] == [call_sid]
    assert (await stack.control("GET", f"/phones/{CALLER}"))["hears"] == "hold music"
    gone = await stack.rest("DELETE", f"{people}/agent.json")
    assert gone.status_code == 404


async def test_ended_call_tells_the_room(stack: Stack) -> None:
    call_sid, room = await call_in(stack)
    made = await add_agent(stack, room)
    await stack.rest("POST", f"/Calls/{made['call_sid']}.json", Status="completed")
    await stack.control("POST", f"/phones/{CALLER}/hangup")
    await stack.control("POST", "/settle")
    assert stack.application.events()[-3:] == [
        "participant-leave", "participant-leave", "conference-end",
    ]  # fmt: skip
    shown = (await stack.rest("GET", f"/Conferences/{room}.json")).json()
    assert shown["reason_conference_ended"] == "last-participant-left"
    assert shown["call_sid_ending_conference"] == call_sid


@pytest.mark.parametrize(
    ("login", "message"),
    [
        (None, "No credentials provided"),
        ((ACCOUNT_SID, "wrong"), "invalid username"),
        (("AC" + "0" * 32, AUTH_TOKEN), "invalid username"),
    ],
)
async def test_wrong_login_is_refused(
    stack: Stack, login: tuple[str, str] | None, message: str
) -> None:
    answer = await stack.http.get(
        f"{stack.root}/Calls.json", auth=login or httpx.USE_CLIENT_DEFAULT
    )
    assert answer.status_code == 401
    assert answer.json()["code"] == 20003
    assert message in answer.json()["message"]


async def test_api_key_logs_in_too(stack: Stack) -> None:
    answer = await stack.http.get(f"{stack.root}/Calls.json", auth=(KEY_SID, KEY_SECRET))
    assert answer.status_code == 200


async def test_unknown_things_are_404_and_wrong_verbs_405(stack: Stack) -> None:
    missing = await stack.rest("GET", f"/Conferences/CF{'0' * 32}.json")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)
    assert missing.json()["message"] == (
        f"The requested resource {stack.root}/Conferences/CF{'0' * 32}.json was not found"
    )
    assert (await stack.rest("GET", "/Faxes.json")).status_code == 404
    assert (await stack.rest("PUT", "/Calls.json")).status_code == 405


async def test_label_in_the_path_is_decoded(stack: Stack) -> None:
    _, room = await call_in(stack)
    await add_agent(stack, room, Label="agent one+é")
    path = f"/Conferences/{room}/Participants/agent%20one%2B%C3%A9.json"
    assert (await stack.rest("GET", path)).json()["label"] == "agent one+é"


async def test_requests_are_logged_with_their_effect(stack: Stack) -> None:
    _, room = await call_in(stack)
    await add_agent(stack, room)
    path = f"/Conferences/{room}/Participants/caller.json"
    await stack.rest("POST", path, Hold="true")
    await stack.rest("POST", path, EndConferenceOnExit="true")
    log = (await stack.control("GET", "/requests?route=participants.update"))["requests"]
    assert [entry["effect"] for entry in log] == [True, False]
    assert log[1]["ignored"] == ["EndConferenceOnExit"]
    assert log[1]["params"] == {"EndConferenceOnExit": "true"}


async def test_reset_leaves_an_empty_network(stack: Stack) -> None:
    _, room = await call_in(stack)
    await stack.control("POST", "/reset")
    assert (await stack.rest("GET", f"/Conferences/{room}.json")).status_code == 404
    assert (await stack.control("GET", "/phones"))["phones"] == []
    assert (await stack.rest("GET", "/IncomingPhoneNumbers.json")).json()[
        "incoming_phone_numbers"
    ] == []
