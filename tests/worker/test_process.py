"""The worker process on a real Temporal server: it gets ready, it ends what it began, it leaves."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from activities.creating import AddedLeg
from activities.participants import AddInput
from tests.activities.scripted import Answer, Scripted, scripted_server
from tests.worker.conftest import WorkerProcess
from tests.worker.one_call import OneCall
from workflows import connection
from workflows.encryption import CodecKeys, data_converter
from workflows.messages import TASK_QUEUE

ROOM = "CF" + "a" * 32
LEG = "CA" + "b" * 32
TO = "+15550100777"
MADE = Answer(201, json.dumps({"call_sid": LEG, "status": "queued"}))
ABSENT = Answer(404, '{"code": 20404, "message": "not found", "status": 404}')
KEYS = "one:" + base64.b64encode(b"k" * 32).decode()

GIVEN = AddInput(ROOM, "part-1", TO, 20.0, f"/twilio/status/transfer/{ROOM}/part-1")

Start = Callable[..., WorkerProcess]


@pytest.fixture
async def twilio() -> AsyncIterator[Scripted]:
    async with scripted_server() as server:
        yield server


async def begin(client: Client, name: str) -> WorkflowHandle[OneCall, AddedLeg]:
    return await client.start_workflow(OneCall.run, GIVEN, id=name, task_queue=TASK_QUEUE)


async def kinds(handle: WorkflowHandle[OneCall, AddedLeg]) -> list[int]:
    return [event.event_type async for event in handle.fetch_history_events()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_request_under_way_ends_before_the_worker_leaves(
    temporal: Client, start_worker: Start, twilio: Scripted, number: signal.Signals
) -> None:
    twilio.will_answer(Answer(201, MADE.body, held=True))
    worker = start_worker(twilio.url)
    await worker.prints("worker ready")
    handle = await begin(temporal, f"drain-{number.name}")
    await twilio.is_asked()
    started = time.monotonic()
    worker.terminate(number)
    await worker.prints("worker stops")
    assert worker.process.poll() is None, "it left with a request under way"
    twilio.release()
    assert await worker.ends() == 0
    assert time.monotonic() - started < 15.0
    assert len(twilio.asked) == 1
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED in await kinds(handle)
    await handle.terminate()


async def test_an_idle_worker_leaves_at_once(
    temporal: Client, start_worker: Start, twilio: Scripted
) -> None:
    worker = start_worker(twilio.url, HANDOVER_BUILD_ID="build-7")
    await worker.prints("worker ready")
    worker.terminate()
    assert await worker.ends() == 0
    assert all(json.loads(line)["event"] for line in worker.lines), "a line is not JSON"


async def test_a_worker_without_temporal_says_so_and_obeys(
    start_worker: Start, twilio: Scripted
) -> None:
    worker = start_worker(twilio.url, TEMPORAL_ADDRESS=f"127.0.0.1:{unused_port()}")
    await worker.prints("not reachable yet")
    worker.terminate()
    assert await worker.ends() == 0


async def test_an_unknown_outcome_is_looked_up_twice_and_then_asked_once_more(
    temporal: Client, start_worker: Start, twilio: Scripted
) -> None:
    """What an attempt has learnt reaches the next one through the server, as heartbeat details."""
    twilio.will_answer(Answer(reset=True), ABSENT, ABSENT, MADE)
    worker = start_worker(twilio.url)
    await worker.prints("worker ready")
    handle = await begin(temporal, "looked-up")
    assert await handle.result() == AddedLeg(LEG)
    assert [asked.method for asked in twilio.asked] == ["POST", "GET", "GET", "POST"]
    first, _, _, second = twilio.asked
    assert first.form["Label"] == second.form["Label"] == ["part-1"]


async def test_a_refusal_known_to_have_had_no_effect_is_repeated_without_a_look(
    temporal: Client, start_worker: Start, twilio: Scripted
) -> None:
    twilio.will_answer(Answer(429, "{}", {"Retry-After": "0.1"}), MADE)
    worker = start_worker(twilio.url)
    await worker.prints("worker ready")
    handle = await begin(temporal, "too-many")
    assert await handle.result() == AddedLeg(LEG)
    assert [asked.method for asked in twilio.asked] == ["POST", "POST"]


async def test_nothing_personal_is_open_in_temporal_or_in_the_log(
    temporal: Client, start_worker: Start, twilio: Scripted
) -> None:
    refusal = {"code": 21211, "message": f"{TO} is not valid", "status": 400}
    twilio.will_answer(Answer(400, json.dumps(refusal)))
    metrics = f"127.0.0.1:{unused_port()}"
    worker = start_worker(twilio.url, HANDOVER_CODEC_KEYS=KEYS, HANDOVER_METRICS_ADDRESS=metrics)
    await worker.prints("worker ready")
    keys = CodecKeys.parse(KEYS)
    sealed = Client(temporal.service_client, data_converter=data_converter(keys))
    handle = await begin(sealed, "refused")
    with pytest.raises(Exception, match="failed"):
        await handle.result()
    history = await handle.fetch_history()
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED in [e.event_type for e in history.events]
    async with ClientSession() as session, session.get(f"http://{metrics}/metrics") as answer:
        shown = await answer.text()
    worker.terminate()
    assert await worker.ends() == 0
    for place in (history.to_json(), "".join(worker.lines), shown):
        for secret in (TO, "5550100777", "secret-of-the-key", KEYS.partition(":")[2]):
            assert secret not in place
            assert base64.b64encode(secret.encode()).decode()[:-4] not in place
    assert "temporal_activity_execution_latency" in shown


async def test_a_transfer_is_told_in_one_line_and_in_figures(
    temporal: Client, start_worker: Start, twilio: Scripted
) -> None:
    twilio.will_answer(MADE)
    metrics = f"127.0.0.1:{unused_port()}"
    worker = start_worker(twilio.url, HANDOVER_METRICS_ADDRESS=metrics)
    await worker.prints("worker ready")
    handle = await begin(temporal, "told")
    line = json.loads(await worker.prints("Started"))
    assert line["event"] == "< Started = HOLDING->DIALING > DialTarget"
    assert (line["transfer"], line["call"], line["step"]) == ("part-1", ROOM, 1)
    assert line["workflow_id"] == "told"
    await handle.result()
    async with ClientSession() as session, session.get(f"http://{metrics}/metrics") as answer:
        shown = {line.partition(" ")[0] for line in (await answer.text()).splitlines()}
    for name, labels in (
        ("handover_steps_total", ('kind="warm"', 'state="dialing"')),
        ("handover_outcomes_total", ('outcome="completed"', 'reason="completed"')),
        ("handover_seconds_to_human_bucket", ('kind="warm"', 'le="10"')),
        ("handover_hold_seconds_bucket", ('kind="warm"', 'le="5"')),
        ("temporal_workflow_task_execution_latency_bucket", ('le="0.005"',)),
    ):
        found = [each for each in shown if each.startswith(f"{name}{{")]
        assert any(all(label in each for label in labels) for each in found), (name, found)


async def test_a_key_that_does_not_fit_is_refused_at_start(
    temporal: Client, start_worker: Start, twilio: Scripted
) -> None:
    sealed = Client(temporal.service_client, data_converter=data_converter(CodecKeys.parse(KEYS)))
    handle = await sealed.start_workflow(
        OneCall.run, GIVEN, id="waiting", task_queue=TASK_QUEUE, memo={"view": TO}
    )
    await _is_listed(temporal, "waiting")
    other = "one:" + base64.b64encode(b"x" * 32).decode()
    worker = start_worker(twilio.url, HANDOVER_CODEC_KEYS=other)
    await worker.prints("HANDOVER_CODEC_KEYS does not fit")
    assert await worker.ends() == 2
    await handle.terminate()


async def test_search_attributes_are_registered_once(temporal: Client) -> None:
    for _ in range(2):
        present = await connection.ensure_search_attributes(temporal)
        assert present == connection.SEARCH_ATTRIBUTES


async def _is_listed(client: Client, name: str) -> None:
    """Visibility is written a moment after the start."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        async for _ in client.list_workflows(f'WorkflowId = "{name}"'):
            return
    raise AssertionError(f"{name} is never listed")
