"""TaskRouter over HTTP: held against the OpenAPI document, driven by the SDKs, seen in control."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.openapi import DATA, OpenApi
from tests.simulator.stack import ACCOUNT_SID, AUTH_TOKEN, Stack

HOST = "https://taskrouter.twilio.com"
NODE = Path(__file__).parents[1] / "node"
ISO = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"


class TaskRouterApi(OpenApi):
    """Dates of this document are ISO 8601 in whole seconds."""

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        plain = super()._plain(schema)
        if schema.get("format") == "date-time":
            dated = {"type": "string", "pattern": ISO}
            return {"anyOf": [dated, {"type": "null"}]} if schema.get("nullable") else dated
        return plain


OPENAPI = TaskRouterApi("twilio_taskrouter_v1.json")


class Desk:
    """Logged-in requests below one workspace; every answer is held against the document."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.space = ""

    async def ask(
        self, method: str, path: str = "", headers: dict[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        url = f"/v1/Workspaces{self.space}{path}"
        answer = await self.stack.http.request(
            method,
            url,
            params=params if method == "GET" else None,
            data=params if method != "GET" else None,
            headers=headers,
            auth=(ACCOUNT_SID, AUTH_TOKEN),
        )
        OPENAPI.check(method, answer.url.raw_path.decode(), answer.status_code, answer.content)
        return answer

    async def make(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self.ask("POST", path, **params)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
async def desk(stack: Stack) -> Desk:
    """A workspace with a queue, a workflow and an available worker named alice."""
    desk = Desk(stack)
    made = await desk.make("", FriendlyName="Desk", EventCallbackUrl=stack.url("/taskrouter"))
    desk.space = f"/{made['sid']}"
    return desk


async def fill(desk: Desk, **workflow: Any) -> dict[str, str]:
    """SIDs of a queue, a workflow and a worker."""
    queue = await desk.make("/TaskQueues", FriendlyName="All", TargetWorkers="1==1")
    routing = {"task_routing": {"default_filter": {"queue": queue["sid"]}}}
    flow = await desk.make(
        "/Workflows", FriendlyName="Flow", Configuration=json.dumps(routing), **workflow
    )
    activities = (await desk.ask("GET", "/Activities", Available="true")).json()["activities"]
    worker = await desk.make(
        "/Workers",
        FriendlyName="alice",
        ActivitySid=activities[0]["sid"],
        Attributes='{"contact_uri": "client:alice"}',
    )
    return {"queue": queue["sid"], "workflow": flow["sid"], "worker": worker["sid"]}


async def test_every_resource_is_as_the_document_says(desk: Desk) -> None:
    sids = await fill(desk)
    channel = await desk.make("/TaskChannels", FriendlyName="Fax", UniqueName="fax")
    activity = await desk.make("/Activities", FriendlyName="Lunch")
    task = await desk.make("/Tasks", WorkflowSid=sids["workflow"], Attributes='{"a": 1}')
    reservations = f"/Tasks/{task['sid']}/Reservations"
    (reservation,) = (await desk.ask("GET", reservations)).json()["reservations"]
    by_worker = f"/Workers/{sids['worker']}/Reservations"
    events = (await desk.ask("GET", "/Events")).json()["events"]
    for path, update in (
        ("", {"EventsFilter": "task.created"}),
        (f"/Activities/{activity['sid']}", {"FriendlyName": "Tea"}),
        (f"/TaskChannels/{channel['sid']}", {"FriendlyName": "Telefax"}),
        (f"/TaskQueues/{sids['queue']}", {"MaxReservedWorkers": "2"}),
        (f"/Workflows/{sids['workflow']}", {"TaskReservationTimeout": "30"}),
        (f"/Workers/{sids['worker']}", {"Attributes": "{}"}),
        (f"/Workers/{sids['worker']}/Channels/voice", {"Capacity": "2"}),
        (f"/Tasks/{task['sid']}", {"Priority": "2"}),
        (f"{reservations}/{reservation['sid']}", {"ReservationStatus": "accepted"}),
        (f"{by_worker}/{reservation['sid']}", {"ReservationStatus": "wrapping"}),
    ):
        assert (await desk.ask("GET", path)).status_code == 200
        assert (await desk.ask("POST", path, **update)).status_code == 200
    for path in (
        "/Activities", "/TaskChannels", "/TaskQueues", "/Workflows", "/Workers", "/Tasks",
        reservations, by_worker, f"/Workers/{sids['worker']}/Channels", "/Events",
        f"/Events/{events[0]['sid']}",
    ):  # fmt: skip
        assert (await desk.ask("GET", path)).status_code == 200
    for kind in ("Statistics", "RealTimeStatistics", "CumulativeStatistics"):
        for owner in (
            "", f"/TaskQueues/{sids['queue']}", f"/Workflows/{sids['workflow']}", "/Workers",
        ):  # fmt: skip
            assert (await desk.ask("GET", f"{owner}/{kind}", Minutes="5")).status_code == 200
    assert (await desk.ask("GET", f"/Workers/{sids['worker']}/Statistics")).status_code == 200
    assert (await desk.ask("GET", "/TaskQueues/Statistics")).status_code == 200
    assert (await desk.ask("POST", "/TaskQueues/RealTimeStatistics")).status_code == 200
    await desk.ask("POST", f"/Tasks/{task['sid']}", AssignmentStatus="completed", Reason="done")
    offline = (await desk.ask("GET", "/Activities", FriendlyName="Offline")).json()["activities"]
    await desk.ask("POST", f"/Workers/{sids['worker']}", ActivitySid=offline[0]["sid"])
    for path in (
        f"/Tasks/{task['sid']}", f"/Workers/{sids['worker']}", f"/Workflows/{sids['workflow']}",
        f"/TaskQueues/{sids['queue']}", f"/TaskChannels/{channel['sid']}",
        f"/Activities/{activity['sid']}", "",
    ):  # fmt: skip
        assert (await desk.ask("DELETE", path)).status_code == 204
    desk.space = ""
    assert (await desk.ask("GET")).json()["workspaces"] == []
    operations = {
        (method.upper(), path)
        for path, item in OPENAPI.document["paths"].items()
        for method in item
        if method in ("get", "post", "delete")
    }
    asked = {(method, template) for method, template, _ in OPENAPI.checked}
    assert operations - asked == set()


async def test_errors_are_twilios(desk: Desk) -> None:
    missing = await desk.ask("GET", "/Tasks/WT" + "0" * 32)
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)
    assert missing.json()["message"] == (
        f"The requested resource /v1/Workspaces{desk.space}/Tasks/WT{'0' * 32} was not found"
    )
    nameless = await desk.ask("POST", "/Workers")
    assert (nameless.status_code, nameless.json()["code"]) == (400, 20001)
    assert (await desk.ask("PUT", "/Workers")).status_code == 405
    assert (await desk.ask("GET", "/Cubes")).status_code == 404
    plain = await desk.stack.http.get(f"/v1/Workspaces{desk.space}")
    assert (plain.status_code, plain.json()["code"]) == (401, 20003)


async def test_etags_guard_changes(desk: Desk) -> None:
    await fill(desk)
    task = (await desk.make("/Tasks"))["sid"]
    tag = (await desk.ask("GET", f"/Tasks/{task}")).headers["etag"]
    first = await desk.ask("POST", f"/Tasks/{task}", {"If-Match": tag}, Priority="1")
    assert first.headers["etag"] != tag
    stale = await desk.ask("POST", f"/Tasks/{task}", {"If-Match": tag}, Priority="2")
    assert stale.status_code == 412
    assert (await desk.ask("DELETE", f"/Tasks/{task}", {"If-Match": tag})).status_code == 412


async def test_caller_is_served_over_http(desk: Desk) -> None:
    """Enqueue, assignment callback, conference, control face: nothing of it without the wire."""
    stack = desk.stack
    stack.application.documents["/assign"] = lambda _: json.dumps(
        {
            "instruction": "conference",
            "from": NUMBER,
            "conference_status_callback": stack.url("/events"),
            "conference_status_callback_event": "start,end,join,leave",
        }
    )
    stack.application.content_types["/assign"] = "application/json"
    sids = await fill(desk, AssignmentCallbackUrl=stack.url("/assign"))
    stack.application.documents["/voice"] = (
        f'<Response><Enqueue workflowSid="{sids["workflow"]}"><Task>{{"x": 1}}</Task></Enqueue>'
        "</Response>"
    )
    call = await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    await stack.advance(5)
    (worker,) = (await stack.control("GET", "/workers"))["workers"]
    assert [r["status"] for r in worker["offered"]] == ["pending"]
    assert worker["activity"] == "Available"
    await stack.control("POST", "/phones/client:alice/answer")
    await stack.advance(30)
    shown = await stack.control("GET", "/workers/alice")
    (accepted,) = shown["accepted"]
    room = accepted["conference_sid"]
    pairs = (await stack.control("GET", f"/conferences/{room}/hearing"))["pairs"]
    assert [call["call_sid"], accepted["worker_call_sid"]] in pairs
    (task,) = (await desk.ask("GET", "/Tasks")).json()["tasks"]
    assert task["assignment_status"] == "assigned"
    for phone in (CALLER, "client:alice"):
        await stack.control("POST", f"/phones/{phone}/hangup")
    await stack.advance(0)
    used = (await stack.control("GET", "/utilisation"))["workers"][0]
    assert used["seconds"] == {"reserved": 5.0, "busy": 30.0, "wrapping": 0.0}
    assert stack.application.events()[-1] == "conference-end"
    validator = RequestValidator(AUTH_TOKEN)
    for path in ("/assign", "/taskrouter"):
        asked = stack.application.on(path)
        assert asked
        for one in asked:
            assert validator.validate(one.url, one.params, one.headers["x-twilio-signature"])
    kinds = (await stack.control("GET", "/ledger?kind=reservation"))["entries"]
    assert [entry["what"] for entry in kinds] == ["created", "accepted", "wrapup"]


async def test_worker_acts_in_the_control_face(desk: Desk) -> None:
    sids, stack = await fill(desk), desk.stack
    task = (await desk.make("/Tasks", WorkflowSid=sids["workflow"]))["sid"]
    await stack.advance()
    (offer,) = (await stack.control("GET", "/workers"))["workers"][0]["offered"]
    sid = offer["reservation_sid"]
    rejected = await stack.control(
        "POST", f"/reservations/{sid}/reject", {"activity": "Unavailable"}
    )
    assert rejected["status"] == "rejected"
    body = {"activity": "Available"}
    shown = await stack.control("POST", f"/workers/{sids['worker']}/activity", body)
    assert shown["available"] is True
    await stack.advance(1)
    (offer,) = (await stack.control("GET", "/workers"))["workers"][0]["offered"]
    accepted = await stack.control("POST", f"/reservations/{offer['reservation_sid']}/accept")
    assert (accepted["status"], accepted["task_status"]) == ("accepted", "assigned")
    assert accepted["task_sid"] == task
    for path, body, status in (
        ("/workers/nobody/activity", {"activity": "Available"}, 404),
        (f"/workers/{sids['worker']}/activity", {"activity": "Dancing"}, 404),
        (f"/reservations/{sid}/accept", None, 400),
        ("/reservations/WRx/accept", None, 404),
        (f"/reservations/{sid}/reject", {"activity": "Dancing"}, 404),
    ):
        answer = await stack.http.post(f"/simulator/v1{path}", json=body)
        assert answer.status_code == status, path


async def test_faults_strike_taskrouter_too(desk: Desk) -> None:
    await fill(desk)
    fault = {"on": "request", "kind": "status", "route": "tasks.create", "status": 503, "count": 1}
    await desk.stack.control("POST", "/faults", fault)
    assert (await desk.ask("POST", "/Tasks")).status_code == 503
    task = await desk.make("/Tasks")
    lost = {"on": "request", "kind": "no_effect", "route": "tasks.update", "count": 1}
    await desk.stack.control("POST", "/faults", lost)
    answer = await desk.ask("POST", f"/Tasks/{task['sid']}", Attributes='{"lost": true}')
    assert answer.json()["attributes"] == '{"lost": true}'
    assert (await desk.ask("GET", f"/Tasks/{task['sid']}")).json()["attributes"] == "{}"


class ToSimulator(TwilioHttpClient):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        return super().request(method, url.replace(HOST, self.base), *args, **options)


async def test_official_python_sdk_drives_it(stack: Stack) -> None:
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=ToSimulator(stack.address))
    await asyncio.to_thread(drive, client)


def drive(client: Client) -> None:
    spaces = client.taskrouter.v1.workspaces
    made = spaces.create(friendly_name="sdk", template="FIFO")
    space = spaces(made.sid)
    (flow,) = space.workflows.list()
    available = space.activities.list(available="true")[0]
    worker = space.workers.create(
        friendly_name="bob", activity_sid=available.sid, attributes='{"contact_uri": "client:bob"}'
    )
    with pytest.raises(TwilioRestException) as caught:
        space.workers.create(friendly_name="BOB")
    assert (caught.value.status, caught.value.code) == (400, 20001)
    for index in range(5):
        space.tasks.create(workflow_sid=flow.sid, attributes=json.dumps({"n": index}))
    tasks = space.tasks.list(page_size=2)
    assert [json.loads(task.attributes)["n"] for task in tasks] == list(range(5))
    (reservation,) = space.workers(worker.sid).reservations.list(reservation_status="pending")
    assert reservation.task_sid == tasks[0].sid
    pending = space.tasks(tasks[0].sid).reservations(reservation.sid)
    called = pending.update(
        instruction="call",
        call_from=NUMBER,
        call_to="client:bob",
        call_url="http://127.0.0.1:9/agent",
        call_accept=True,
    )
    assert called.reservation_status == "pending"
    assert pending.update(reservation_status="accepted").reservation_status == "accepted"
    assert space.tasks(tasks[0].sid).fetch().assignment_status == "assigned"
    done = space.tasks(tasks[0].sid).update(assignment_status="completed", reason="done")
    assert (done.assignment_status, done.reason) == ("completed", "done")
    with pytest.raises(TwilioRestException) as caught:
        space.tasks(tasks[0].sid).update(assignment_status="completed", reason="done")
    assert caught.value.code == 20001
    with pytest.raises(TwilioRestException) as caught:
        space.tasks(tasks[1].sid).update(priority=3, if_match='"99"')
    assert caught.value.status == 412
    queue = space.task_queues.list()[0]
    now = space.task_queues(queue.sid).real_time_statistics().fetch()
    assert now.total_tasks == 4
    channel = space.workers(worker.sid).worker_channels("default").update(capacity=3)
    assert channel.configured_capacity == 3
    assert len(space.events.list(minutes=5, event_type="task.created")) == 5
    assert space.tasks(tasks[4].sid).delete()
    assert client.taskrouter.v1.workspaces(made.sid).delete()


@pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules" / "twilio").exists(),
    reason="node, or the Node SDK in tests/simulator/node, is not installed",
)
async def test_official_node_sdk_drives_it(stack: Stack) -> None:
    arguments = [stack.address, ACCOUNT_SID, AUTH_TOKEN, NUMBER]
    process = await asyncio.create_subprocess_exec(
        "node", str(NODE / "taskrouter.mjs"), *arguments, cwd=NODE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, problems = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, problems.decode()
    seen = json.loads(out)
    assert seen == {
        "workspace": "node",
        "tasks": [0, 1, 2],
        "reservation": "pending",
        "accepted": "accepted",
        "completed": ["completed", "done"],
        "twice": [400, 20001],
        "stale": 412,
        "waiting": 2,
        "removed": True,
    }


@pytest.mark.parametrize(
    ("path", "recorded"),
    [
        ("Workers", "worker_create_response.json"),
        ("Activities", "task_router_activity_create_response.json"),
        ("TaskQueues", "task_queue_create_response.json"),
    ],
)
async def test_recorded_answers_have_the_same_fields(desk: Desk, path: str, recorded: str) -> None:
    ours = await desk.make(f"/{path}", FriendlyName="x")
    theirs = json.loads((DATA / "payloads" / "recorded" / recorded).read_text())
    assert set(theirs) == set(ours)
    # Twilio has added one list since that recording was made; activities are optional now.
    newer = {"bulk_real_time_statistics"}
    optional = {"assignment_activity", "reservation_activity"}
    assert set(ours["links"]) - newer == set(theirs["links"]) - optional


async def test_published_examples_have_the_same_fields(desk: Desk) -> None:
    sids = await fill(desk)
    task = await desk.make("/Tasks", WorkflowSid=sids["workflow"])
    reservations = (await desk.ask("GET", f"/Tasks/{task['sid']}/Reservations")).json()
    ours = {
        "task_create.create.201": task,
        "workspace_fetch.fetch.200": (await desk.ask("GET")).json(),
        "workflow_fetch.fetch.200": (
            await desk.ask("GET", f"/Workflows/{sids['workflow']}")
        ).json(),
        "worker_fetch.fetch.200": (await desk.ask("GET", f"/Workers/{sids['worker']}")).json(),
        "reservation_fetch.fetch.200": reservations["reservations"][0],
        "event_fetch.fetch.200": (await desk.ask("GET", "/Events")).json()["events"][0],
        "task_channel_list.readFull.200": (await desk.ask("GET", "/TaskChannels")).json(),
        "worker_channel_list.readFull.200": (
            await desk.ask("GET", f"/Workers/{sids['worker']}/Channels")
        ).json(),
    }
    for name, body in ours.items():
        theirs = json.loads((DATA / "payloads" / "taskrouter" / f"{name}.json").read_text())
        assert set(body) == set(theirs), name
        assert set(body.get("links") or {}) == set(theirs.get("links") or {}), name
        assert set(body.get("meta") or {}) == set(theirs.get("meta") or {}), name
