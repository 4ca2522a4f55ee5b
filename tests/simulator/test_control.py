"""The control face: phones, ledger, events, switches, clock; and the command line on top of it."""

import asyncio
import json
import sys

import pytest

from simulator.settings import Settings, SettingsError
from simulator.switches import Switches
from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.stack import ACCOUNT_SID, Stack, stack_with
from tests.simulator.test_http import add_agent, call_in


async def test_phone_actions_and_what_each_phone_shows(stack: Stack) -> None:
    _, room = await call_in(stack)
    await stack.rest("POST", f"/Conferences/{room}/Participants.json", From=NUMBER, To="client:bob")
    await stack.advance()
    bob = await stack.control("GET", "/phones/client:bob")
    assert (bob["status"], bob["calls"][0]["can_answer"]) == ("ringing", True)
    bob = await stack.control("POST", "/phones/client:bob/answer")
    assert (bob["status"], bob["hears"]) == ("in-progress", "conversation")
    assert [one["address"] for one in bob["heard_by"]] == [CALLER]
    await stack.control("POST", "/phones/client:bob/digits", {"digits": "12#"})
    bob = await stack.control("POST", "/phones/client:bob/hangup")
    assert (bob["status"], bob["calls"]) == ("idle", [])
    again = await stack.http.post("/simulator/v1/phones/client:bob/answer")
    assert again.status_code == 409
    everyone = (await stack.control("GET", "/phones"))["phones"]
    assert {phone["address"] for phone in everyone} == {CALLER, "client:bob"}


async def test_rejecting_and_bad_behaviours(stack: Stack) -> None:
    _, room = await call_in(stack)
    path = f"/Conferences/{room}/Participants.json"
    made = (await stack.rest("POST", path, From=NUMBER, To="sip:bob@example.com")).json()
    await stack.control("POST", "/phones/sip:bob@example.com/reject")
    call = (await stack.rest("GET", f"/Calls/{made['call_sid']}.json")).json()
    assert call["status"] == "busy"
    for body in ({"kind": "explode"}, {"kind": "answer_then_hangup"}, {"kind": "ring", "x": 1}, []):
        refused = await stack.http.put("/simulator/v1/phones/a/behavior", json=body)
        assert refused.status_code == 422


async def test_hearing_view_names_everyone(stack: Stack) -> None:
    call_sid, room = await call_in(stack)
    made = await add_agent(stack, room)
    await stack.rest("POST", f"/Conferences/{room}/Participants/caller.json", Hold="true")
    shown = await stack.control("GET", f"/conferences/{room}/hearing")
    people = {person["label"]: person for person in shown["participants"]}
    assert people["caller"]["call_sid"] == call_sid
    assert (people["caller"]["hold"], people["caller"]["audio"]) == (True, "hold music")
    assert people["agent"]["call_sid"] == made["call_sid"]
    assert people["agent"]["audio"] == "silence"
    assert people["agent"]["hears"] == people["caller"]["heard_by"] == []
    assert (await stack.http.get("/simulator/v1/conferences/CFx/hearing")).status_code == 404


async def test_ledger_filters(stack: Stack) -> None:
    call_sid, room = await call_in(stack)
    await add_agent(stack, room)
    of_call = (await stack.control("GET", f"/ledger?call={call_sid}"))["entries"]
    assert {"call", "spoken", "join", "hearing", "audio"} <= {entry["kind"] for entry in of_call}
    of_room = await stack.control("GET", f"/ledger?conference={room}&kind=hearing")
    assert len(of_room["entries"]) == 2
    later = await stack.control("GET", f"/ledger?since={of_room['last']}")
    assert later["entries"] == []


async def test_events_stream_what_was_and_what_comes(stack: Stack) -> None:
    call_sid, _ = await call_in(stack)
    async with stack.http.stream("GET", "/simulator/v1/events?since=0") as stream:
        lines = stream.aiter_lines()

        async def until(kind: str, what: str) -> dict[str, object]:
            async for line in lines:
                if line.startswith("data: "):
                    entry = dict(json.loads(line[6:]))
                    if (entry["kind"], entry["what"]) == (kind, what):
                        return entry
            raise AssertionError("the stream ended")

        assert (await until("spoken", "One moment"))["call_sid"] == call_sid
        await stack.control("POST", f"/phones/{CALLER}/hangup")
        assert (await until("call", "completed"))["call_sid"] == call_sid


async def test_switches_are_shown_set_and_checked(stack: Stack) -> None:
    changed = await stack.control("PUT", "/switches", {"kicked_leg": "hang_up"})
    assert changed["kicked_leg"]["value"] == "hang_up"
    assert changed["kicked_leg"]["default"] == "continue"
    for body in ({"kicked_leg": "fly"}, {"nothing": 1}, {"dial_seconds": -1}):
        refused = await stack.http.put("/simulator/v1/switches", json=body)
        assert refused.status_code == 422
    await stack.control("POST", "/reset")
    assert (await stack.control("GET", "/switches"))["kicked_leg"]["value"] == "continue"


def test_every_switch_says_what_it_stands_for() -> None:
    for name, shown in Switches().described().items():
        assert shown["about"], name
        assert not shown["choices"] or shown["default"] in shown["choices"], name


async def test_real_clock_refuses_to_be_turned_and_runs_by_itself() -> None:
    async with stack_with(clock="real", switches={"word_seconds": 0.0}) as stack:
        refused = await stack.http.post("/simulator/v1/clock/advance", json={"seconds": 1})
        assert refused.status_code == 409
        stack.application.documents["/voice"] = (
            f"<Response><Say>hi</Say><Redirect>{stack.url('/second')}</Redirect></Response>"
        )
        await stack.control(
            "POST", "/numbers", {"phone_number": NUMBER, "voice_url": stack.url("/voice")}
        )
        await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
        await stack.application.wait_for(lambda app: bool(app.on("/second")))


async def test_unknown_number_cannot_be_dialled(stack: Stack) -> None:
    refused = await stack.http.post("/simulator/v1/calls", json={"from": CALLER, "to": "+15559"})
    assert refused.status_code == 404
    assert "+15559" in refused.json()["detail"]


async def test_phones_page_is_one_file_without_foreign_addresses(stack: Stack) -> None:
    page = await stack.http.get("/")
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert "/simulator/v1" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_command_line_acts_on_a_running_network(stack: Stack) -> None:
    stack.application.documents["/voice"] = (
        '<Response><Gather numDigits="1" action="/pressed" timeout="60"/></Response>'
    )

    async def run(*arguments: str) -> tuple[int, dict[str, object]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulator", "--at", stack.address, *arguments,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode or 0, json.loads(out)

    code, call = await run("call", CALLER, NUMBER)
    assert code == 0
    await stack.advance(1)
    assert (await run("digits", CALLER, "7"))[0] == 0
    await stack.application.wait_for(lambda app: bool(app.on("/pressed")))
    assert stack.application.on("/pressed")[0].params["Digits"] == "7"
    await stack.control("POST", "/settle")
    code, answer = await run("answer", "client:nobody")
    assert code == 1
    assert "no ringing call" in str(answer["detail"])
    assert str(call["call_sid"]).startswith("CA")


async def test_server_says_where_it_listens_and_stops_when_told() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator",
        env={"SIMULATOR_PORT": "0", "TWILIO_ACCOUNT_SID": ACCOUNT_SID, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    assert ready["account_sid"] == ACCOUNT_SID
    assert ready["address"].startswith("http://127.0.0.1:")
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) in (0, -15)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SIMULATOR_CLOCK": "sundial"}, "SIMULATOR_CLOCK"),
        ({"SIMULATOR_PORT": "many"}, "SIMULATOR_PORT"),
        ({"TWILIO_ACCOUNT_SID": "me"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_API_KEY_SID": "SK1"}, "TWILIO_API_KEY_SECRET"),
        ({"SIMULATOR_SWITCHES": '{"nothing": 1}'}, "SIMULATOR_SWITCHES"),
        ({"SIMULATOR_SWITCHES": "["}, "SIMULATOR_SWITCHES"),
    ],
)
def test_wrong_settings_name_themselves(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment(environment)


def test_every_process_draws_its_own_seed_unless_given_one() -> None:
    first, second = Settings.from_environment({}), Settings.from_environment({})
    assert first.seed != second.seed
    assert Settings.from_environment({"SIMULATOR_SEED": "7"}).seed == "7"
