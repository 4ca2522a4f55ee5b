"""A repeated start is answered and not carried out: the list SEC-I."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from api.app import create_app
from api.engine.records import TransferRecord
from api.engine.starts import Busy, Free, Repeated, Reused, decide, fingerprint
from api.engine.temporal import EngineUnreachableError
from tests.api.conftest import Site, auth, make_settings, new_conference, start_body
from tests.api.fakes import AT_ONCE
from tests.api.signing import BASE_URL
from workflows.messages import (
    KEY_LIFE_SECONDS,
    KEYS_MAX,
    KeyRecord,
    TransferView,
    transfer_part,
    transfer_workflow_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def runs_of(temporal: Client, conference_sid: str) -> int:
    """How many transfer workflows a call has had."""
    latest = await temporal.get_workflow_handle(transfer_workflow_id(conference_sid)).describe()
    keys = await latest.memo_value("keys", type_hint=tuple[KeyRecord, ...])
    run_ids = {key.run_id for key in keys if key.run_id} | {latest.run_id}
    return len(run_ids)


def body_for(conference_sid: str, *targets: Any) -> dict[str, Any]:
    return start_body(
        conference_sid, *targets, agent={"address": "client:alice", "call_sid": "CA" + "1" * 32}
    )


async def test_i1_start_without_key_is_refused_with_a_link(site: Site) -> None:
    response = await site.http.post(
        "/v1/transfers", json=body_for(new_conference()), headers=auth("crm")
    )
    assert response.status_code == 400
    assert response.json()["code"] == "idempotency_key_missing"
    assert response.json()["link"].startswith("https://")


@pytest.mark.parametrize("target", [AT_ONCE, "client:bob"])
async def test_i2_hundred_parallel_posts_on_two_processes_start_one(
    site: Site, target: str
) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    other = create_app(make_settings(), site.temporal)
    transport = httpx.ASGITransport(other)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        twin = Site(other, http, site.temporal)
        answers = await asyncio.gather(
            *(
                (site, twin)[number % 2].start("crm", body_for(conference_sid, target), key)
                for number in range(100)
            )
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    first = [each for each in answers if "idempotent-replayed" not in each.headers]
    assert len(first) == 1
    assert await runs_of(site.temporal, conference_sid) == 1


async def test_i2_repetitions_of_a_start_under_way_share_it_and_its_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred at once would fight over the workflow's lock, for seconds."""
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    starts = site.app.state.parts.engine.starts
    begin, begun = starts._begin, []

    async def silence(*given: Any) -> None:
        begun.append(given)
        await asyncio.sleep(0.05)
        raise EngineUnreachableError

    async def posts() -> list[httpx.Response]:
        body = body_for(conference_sid)
        return await asyncio.gather(*(site.start("crm", body, key) for _ in range(20)))

    monkeypatch.setattr(starts, "_begin", silence)
    assert {answer.status_code for answer in await posts()} == {503}
    assert len(begun) == 1

    async def count(*given: Any) -> None:
        begun.append(given)
        await begin(*given)

    monkeypatch.setattr(starts, "_begin", count)
    answers = await posts()
    assert {answer.status_code for answer in answers} == {202}
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len(begun) == 2
    assert await runs_of(site.temporal, conference_sid) == 1


async def test_i2_first_of_many_goes_away_and_the_others_are_answered(site: Site) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    starts = site.app.state.parts.engine.starts
    posts = [
        asyncio.create_task(site.start("crm", body_for(conference_sid), key)) for _ in range(5)
    ]
    while not starts._under_way:  # noqa: ASYNC110 - nothing tells that a start is under way
        await asyncio.sleep(0)
    posts[0].cancel()
    answers = await asyncio.gather(*posts[1:])
    assert {answer.status_code for answer in answers} == {202}
    assert await runs_of(site.temporal, conference_sid) == 1


async def test_i2_posts_of_the_same_moment_on_two_processes_have_one_first(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in one of a thousand keys of a storm: both answers said that they were the first."""
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    now = time.time()
    monkeypatch.setattr("api.routes.orders.time.time", lambda: now)
    other = create_app(make_settings(), site.temporal)
    transport = httpx.ASGITransport(other)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        twin = Site(other, http, site.temporal)
        body = body_for(conference_sid)
        answers = await asyncio.gather(*(each.start("crm", body, key) for each in (site, twin)))
    assert sorted("idempotent-replayed" in each.headers for each in answers) == [False, True]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_i2_two_keys_in_parallel_start_one_and_refuse_one(site: Site) -> None:
    conference_sid = new_conference()
    answers = await asyncio.gather(*(site.start("crm", body_for(conference_sid)) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [202, 409]


async def test_i3_other_body_is_refused_other_white_space_is_not(site: Site) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    body = body_for(conference_sid)
    first = await site.start("crm", body, key)
    for changed in (
        {**body, "kind": "cold"},
        {**body, "targets": ["client:carol"]},
        {**body, "policy": {"recall": False}},
    ):
        response = await site.start("crm", changed, key)
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    text = json.dumps(dict(reversed(body.items())), indent=4)
    headers = {**auth("crm"), "Idempotency-Key": key, "Content-Type": "application/json"}
    replay = await site.http.post("/v1/transfers", content=text, headers=headers)
    assert replay.status_code == 202
    assert replay.json()["id"] == first.json()["id"]
    assert replay.headers["idempotent-replayed"] == "true"


async def test_i4_replay_answers_the_transfer_as_it_is_now(site: Site) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    first = await site.start("crm", body_for(conference_sid), key)
    path = f"/v1/transfers/{first.json()['id']}/cancel"
    await site.http.post(path, headers=auth("crm"))
    replay = await site.start("crm", body_for(conference_sid), key)
    assert (replay.status_code, replay.json()["state"]) == (202, "cancelled")


async def test_i5_keys_of_two_principals_are_independent(site: Site) -> None:
    conference_sid, key = new_conference(), "the-same-key"
    first = await site.start("crm", body_for(conference_sid, AT_ONCE), key)
    await site.ended(conference_sid)
    second = await site.start("other-crm", body_for(conference_sid, AT_ONCE), key)
    assert second.status_code == 202
    assert second.json()["id"] != first.json()["id"]
    assert "idempotent-replayed" not in second.headers


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "a b", "tab\there", "+12025550123", "12025550123", "naïve"]
)
async def test_i6_bad_keys_are_refused(site: Site, key: str) -> None:
    response = await site.http.post(
        "/v1/transfers",
        json=body_for(new_conference()),
        headers=[*auth("crm").items(), ("Idempotency-Key", key.encode("latin-1"))],
    )
    assert response.status_code == 400
    assert response.json()["code"].startswith("idempotency_key")


async def test_i6_key_is_in_no_id(site: Site) -> None:
    key = "canary-key-7431"
    view = (await site.start("crm", body_for(new_conference()), key)).json()
    assert key not in json.dumps(view)
    assert view["id"].endswith(transfer_part("key:crm", key))


async def test_i7_start_without_an_answer_is_found_by_its_repetition(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    starts = site.app.state.parts.engine.starts
    begin = starts._begin

    async def begin_and_die(*given: Any) -> None:
        await begin(*given)
        raise EngineUnreachableError

    monkeypatch.setattr(starts, "_begin", begin_and_die)
    lost = await site.start("crm", body_for(conference_sid), key)
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "2")
    monkeypatch.undo()
    found = await site.start("crm", body_for(conference_sid), key)
    assert (found.status_code, found.headers["idempotent-replayed"]) == (202, "true")
    assert await runs_of(site.temporal, conference_sid) == 1


async def test_i8_key_is_remembered_after_the_end_and_after_later_transfers(site: Site) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    first = await site.start("crm", body_for(conference_sid, AT_ONCE), key)
    await site.ended(conference_sid)
    for number in range(3):
        if number:
            await site.start("crm", body_for(conference_sid, AT_ONCE))
            await site.ended(conference_sid)
        replay = await site.start("crm", body_for(conference_sid, AT_ONCE), key)
        assert replay.status_code == 202
        assert replay.json()["id"] == first.json()["id"]
        assert replay.json()["state"] == "completed"
    assert await runs_of(site.temporal, conference_sid) == 3


async def test_i8_remembered_transfer_that_temporal_forgot_is_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"
    for each in (key, f"key-{uuid.uuid4()}"):
        await site.start("crm", body_for(conference_sid, AT_ONCE), each)
        await site.ended(conference_sid)

    async def forgotten(*given: Any) -> None:
        return None

    monkeypatch.setattr(site.app.state.parts.engine.records, "of_run", forgotten)
    replay = await site.start("crm", body_for(conference_sid, AT_ONCE), key)
    assert (replay.status_code, replay.json()["code"]) == (410, "transfer_forgotten")


async def test_i9_key_of_a_start_that_never_happened_may_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    conference_sid, key = new_conference(), f"key-{uuid.uuid4()}"

    async def silent(*given: Any) -> None:
        raise EngineUnreachableError

    monkeypatch.setattr(site.app.state.parts.engine.starts, "_begin", silent)
    assert (await site.start("crm", body_for(conference_sid), key)).status_code == 503
    monkeypatch.undo()
    started = await site.start("crm", body_for(conference_sid), key)
    assert started.status_code == 202
    assert "idempotent-replayed" not in started.headers


# --- the decision, without Temporal ---------------------------------------------------------------


def record(*keys: KeyRecord, is_running: bool = False) -> TransferRecord:
    view = TransferView("CF" + "0" * 32 + "-" + "a" * 16, "warm", "dialing", "CF" + "0" * 32, 0, 0)
    return TransferRecord(view, keys, "run-9", is_running, 1)


async def test_decision_for_each_past() -> None:
    mine, old = KeyRecord("p", "m", 100.0), KeyRecord("q", "n", 90.0, "run-1")
    assert decide(None, "p", "m", 200.0) == Free(())
    assert decide(record(old, mine), "p", "m", 200.0) == Repeated(mine)
    assert decide(record(old, mine, is_running=True), "q", "n", 200.0) == Repeated(old)
    assert decide(record(mine), "p", "other", 200.0) == Reused()
    running = record(mine, is_running=True)
    assert decide(running, "x", "m", 200.0) == Busy(running)


async def test_chain_is_carried_on_with_its_run_bounded_and_aged() -> None:
    keys = tuple(KeyRecord(f"p{number}", "m", 100.0, f"run-{number}") for number in range(60))
    decision = decide(record(*keys, KeyRecord("last", "m", 100.0)), "new", "m", 200.0)
    assert isinstance(decision, Free)
    assert len(decision.chain) == KEYS_MAX - 1
    assert decision.chain[-1] == KeyRecord("last", "m", 100.0, "run-9")
    later = decide(record(*keys), "new", "m", 100.0 + KEY_LIFE_SECONDS)
    assert later == Free(())


async def test_fingerprint_is_of_the_content() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})
