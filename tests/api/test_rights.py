"""Who may do what: every cell of the table in `api.auth.rights`, over HTTP, and SEC-Z."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.api.conftest import Site, auth, new_conference, start_body
from tests.api.fakes import AT_ONCE
from tests.api.test_auth import token

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHO = ("alice", "bob", "mallory", "sue", "crm")
"""The agent who started it, an agent on the call, another agent, a supervisor, a service."""

Ask = Callable[[Site, str, str], Awaitable[httpx.Response]]


def get(path: str) -> Ask:
    async def ask(site: Site, name: str, transfer_id: str) -> httpx.Response:
        given = path.format(id=transfer_id, call=transfer_id.partition("-")[0])
        return await site.http.get(given, headers=auth(name))

    return ask


def press(verb: str) -> Ask:
    async def ask(site: Site, name: str, transfer_id: str) -> httpx.Response:
        path = f"/v1/transfers/{transfer_id}/{verb}"
        return await site.http.post(path, headers=auth(name))

    return ask


TABLE: dict[str, tuple[Ask, tuple[int, ...]]] = {
    "see a transfer": (get("/v1/transfers/{id}"), (200, 200, 404, 200, 200)),
    "see a call": (get("/v1/calls/{call}"), (200, 200, 404, 200, 200)),
    "complete": (press("complete"), (200, 403, 404, 200, 200)),
    "cancel": (press("cancel"), (200, 403, 404, 200, 200)),
    "swap": (press("swap"), (409, 403, 404, 409, 409)),
    "join": (press("join"), (200, 403, 404, 200, 200)),
    "drop": (press("drop-target"), (409, 403, 404, 409, 409)),
}


@pytest.mark.parametrize("action", TABLE)
async def test_z7_table(site: Site, action: str) -> None:
    ask, expected = TABLE[action]
    for name, status in zip(WHO, expected, strict=True):
        view = await site.started()
        assert (await ask(site, name, view["id"])).status_code == status, name


async def test_z7_events_of_an_ended_transfer(site: Site) -> None:
    view = await site.started(AT_ONCE)
    await site.ended(view["conference_sid"])
    for name, status in zip(WHO, (200, 404, 404, 200, 200), strict=True):
        path = f"/v1/transfers/{view['id']}/events"
        assert (await site.http.get(path, headers=auth(name))).status_code == status, name


async def test_z7_start_on_a_call_of_alices(site: Site) -> None:
    for name, agent, status in (
        ("alice", None, 202),
        ("alice", "client:bob", 403),
        ("bob", None, 404),
        ("mallory", None, 404),
        ("sue", "client:alice", 202),
        ("crm", "client:alice", 202),
    ):
        conference_sid = await site.call()
        body = start_body(conference_sid, "client:carol", agent=agent)
        assert (await site.start(name, body)).status_code == status, name


async def test_z6_start_on_a_call_that_has_no_record(site: Site) -> None:
    for name, agent, status in (
        ("alice", None, 404),
        ("sue", "client:alice", 404),
        ("crm", "client:alice", 202),
    ):
        body = start_body(new_conference(), agent=agent)
        assert (await site.start(name, body)).status_code == status, name


async def test_z1_hidden_and_missing_are_answered_alike(site: Site) -> None:
    hidden = await site.started()
    missing = f"{new_conference()}-{'0' * 16}"
    other_part = f"{hidden['conference_sid']}-{'0' * 16}"
    for ask, _ in TABLE.values():
        answers = {
            (await ask(site, "mallory", transfer_id)).content
            for transfer_id in (hidden["id"], missing, other_part)
        }
        assert len(answers) == 1


@pytest.mark.parametrize("transfer_id", ["x", "CF1-2", "..%2F..", "%00", "'", "x" * 2000])
async def test_z2_ids_of_another_form_are_unknown(site: Site, transfer_id: str) -> None:
    response = await site.http.get(f"/v1/transfers/{transfer_id}", headers=auth("crm"))
    assert response.status_code == 404


async def test_z5_right_is_looked_at_again_for_every_request(site: Site) -> None:
    conference_sid = await site.call("client:zoe")
    headers = {"X-API-Key": token(sub="zoe"), "Idempotency-Key": "one"}
    body = start_body(conference_sid)
    started = await site.http.post("/v1/transfers", json=body, headers=headers)
    assert started.status_code == 202
    path = f"/v1/transfers/{started.json()['id']}/cancel"
    moved = {"X-API-Key": token(sub="zoe", address="client:elsewhere")}
    assert (await site.http.post(path, headers=moved)).status_code == 404
    assert (await site.http.post(path, headers=headers)).status_code == 200


async def test_z5_request_is_judged_by_who_asks(site: Site) -> None:
    for name, reason in (("alice", "cancelled_by_agent"), ("sue", "cancelled_by_operator")):
        view = await site.started()
        answer = await press("cancel")(site, name, view["id"])
        assert answer.json()["reason"] == reason
