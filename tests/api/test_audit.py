"""Who asked for what is written down, each time, and nobody rewrites it unseen (SEC-O10)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.audit import LOGGER, Audit, faults, hash_of
from api.auth.principal import Principal, Role
from tests.api.conftest import Site, auth, new_conference, start_body
from tests.api.test_signature import flat

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUE = Principal("key:sue", Role.SUPERVISOR)


@pytest.fixture
def trail(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines of this site's audit."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(site.app.state.audit, "write", lines.append)
    return lines


def changes(site: Site) -> Iterator[tuple[str, str]]:
    """Method and path of every route that may change something, but Twilio's."""
    for route in flat(site.app.routes):
        if isinstance(route, APIRoute) and not route.path.startswith("/twilio"):
            for method in sorted((route.methods or set()) - {"GET", "HEAD"}):
                yield method, route.path


def as_logged(entries: list[dict[str, Any]]) -> list[str]:
    """As the lines stand in the log, between others."""
    lines = ["not JSON", json.dumps({"logger": "handover.api", "event": "request failed"})]
    return lines + [json.dumps({"logger": LOGGER, "event": "audit", **each}) for each in entries]


async def test_o10_every_route_that_changes_something_leaves_one_line(
    site: Site, trail: list[dict[str, Any]]
) -> None:
    routes = list(changes(site))
    assert len(routes) >= 15
    for method, path in routes:
        address = path.replace("{conference_sid}", new_conference())
        address = address.replace("{transfer_id}", f"{new_conference()}-{'0' * 16}")
        address = re.sub(r"\{\w+\}", "x", address)
        trail.clear()
        answer = await site.http.request(method, address, json={}, headers=auth("crm"))
        assert [each["what"] for each in trail] == [f"{method} {path}"]
        assert trail[0]["status"] == answer.status_code
        assert trail[0]["code"] == answer.json()["code"]


async def test_o10_a_line_tells_who_what_about_which_call_and_the_answer(
    site: Site, trail: list[dict[str, Any]]
) -> None:
    view = await site.started()
    path = f"/v1/transfers/{view['id']}"
    await site.http.get(path, headers=auth("sue"))
    assert (await site.http.post(f"{path}/swap", headers=auth("alice"))).status_code == 409
    assert (await site.http.post(f"{path}/cancel", headers=auth("sue"))).status_code == 200
    assert (await site.http.post(f"{path}/cancel", headers={})).status_code == 401
    told = [(each["who"], each["role"], each["what"], each["about"], each["status"], each["code"])
            for each in trail]  # fmt: skip
    of = "/v1/transfers/{transfer_id}"
    assert told == [
        ("key:crm", "service", "POST /v1/transfers", view["id"], 202, ""),
        ("key:alice", "agent", f"POST {of}/swap", view["id"], 409, "request_refused"),
        ("key:sue", "supervisor", f"POST {of}/cancel", view["id"], 200, ""),
    ]
    assert faults(as_logged(trail)) == (3, [])


async def test_o10_a_bug_leaves_a_line_too(
    site: Site, trail: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: Any) -> None:
        raise KeyError

    monkeypatch.setattr(site.app.state.parts.engine.starts, "start", broken)
    answer = await site.start("crm", start_body(new_conference(), agent="client:alice"))
    assert answer.status_code == 500
    assert [each["status"] for each in trail] == [500]


def entries(number: int = 5) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    audit = Audit(told.append)
    for each in range(number):
        audit.note(SUE, "POST /v1/transfers", f"CF{each:032x}", 202, "")
    return told


async def test_o10_whoever_rewrites_the_trail_is_seen() -> None:
    whole = entries()
    assert faults(as_logged(whole)) == (5, [])
    assert faults(as_logged(whole + entries(2))) == (7, [])
    changed = [dict(each) for each in whole]
    changed[2]["who"] = "key:mallory"
    rehashed = [dict(each) for each in changed]
    rehashed[2]["hash"] = hash_of(rehashed[2])
    stranger = entries(1)[0] | {"chain": whole[0]["chain"]}
    stranger["hash"] = hash_of(stranger)
    for name, lines in {
        "changed": changed,
        "changed with a new hash": rehashed,
        "taken out": whole[:2] + whole[3:],
        "beginning cut off": whole[1:],
        "moved": [*whole[:2], whole[3], whole[2], whole[4]],
        "doubled": [*whole, whole[4]],
        "put in": [*whole[:3], stranger, *whole[3:]],
    }.items():
        assert faults(as_logged(lines))[1], name


async def test_o10_a_name_or_number_in_an_id_is_masked_before_the_hash() -> None:
    told: list[dict[str, Any]] = []
    Audit(told.append).note(Principal("+12025550143", Role.AGENT), "POST /x", "", 202, "")
    assert told[0]["who"] == "[number]"
    assert faults(as_logged(told)) == (1, [])
