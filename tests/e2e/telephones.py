"""The people at the phones: what they do, and what they and the network saw.

Everything goes through the simulator's control face, as a person or a test elsewhere would do it.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from tests.e2e.stack import NUMBER, Stack

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE_SECONDS = 30.0
"""More than the guardian takes when the worker it ran on has just died (docs/guardian.md)."""
LOOK_SECONDS = 0.04


class NeverSeenError(AssertionError):
    """Something that a story waits for did not happen in time."""


async def until(
    look: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE_SECONDS
) -> T:
    """Look again and again until there is something to be seen."""
    give_up_at = time.monotonic() + seconds
    while (seen := await look()) is None:
        if time.monotonic() > give_up_at:
            raise NeverSeenError(f"waited {seconds:.0f} s in vain for {what}")
        await asyncio.sleep(LOOK_SECONDS)
    return seen


class Telephones:
    """All phones of one simulated network."""

    def __init__(self, stack: Stack) -> None:
        self._http = stack.http
        self._base = f"{stack.simulator_url}/simulator/v1"

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Json:
        """One request to the control face."""
        answer = await self._http.request(method, self._base + path, json=body, params=query)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        found: Json = answer.json() if answer.content else {}
        return found

    async def call_us(self, caller: str) -> str:
        """Somebody dials our number; answers the call's SID."""
        return str((await self.ask("POST", "/calls", {"from": caller, "to": NUMBER}))["call_sid"])

    async def behave(self, address: str, *kinds: str, **details: Any) -> None:
        """What a phone does by itself: call after call, the last kind for all further ones."""
        bodies = [{"kind": kind, **details} for kind in kinds]
        await self.ask("PUT", _path(address, "behavior"), bodies)

    async def answer(self, address: str) -> None:
        """Wait until it rings, and pick up."""
        await self.ringing(address)
        await self.ask("POST", _path(address, "answer"), {})

    async def hang_up(self, address: str) -> None:
        """Put the receiver down, or decline what rings."""
        await self.ask("POST", _path(address, "hangup"), {})

    async def press(self, address: str, digits: str) -> None:
        """Press keys."""
        await self.ask("POST", _path(address, "digits"), {"digits": digits})

    async def phone(self, address: str) -> Json:
        """One phone as its owner sees it."""
        return await self.ask("GET", _path(address, ""))

    async def ringing(self, address: str) -> Json:
        """Wait until a phone rings."""

        async def look() -> Json | None:
            phone = await self.phone(address)
            return phone if phone["status"] == "ringing" else None

        return await until(look, f"{address} to ring")

    async def hears(self, listener: str, speaker: str) -> Json:
        """Wait until one person hears another."""

        async def look() -> Json | None:
            phone = await self.phone(listener)
            return phone if speaker in addresses(phone["can_hear"]) else None

        return await until(look, f"{listener} to hear {speaker}")

    async def idle(self, *wanted: str) -> None:
        """Wait until these phones have no call."""
        for address in wanted:

            async def look(address: str = address) -> bool | None:
                return True if not (await self.phone(address))["calls"] else None

            await until(look, f"{address} to have no call")

    async def live_legs(self) -> dict[str, int]:
        """How many calls are up on which phone; phones without one are left out."""
        phones = (await self.ask("GET", "/phones"))["phones"]
        return {phone["address"]: len(phone["calls"]) for phone in phones if phone["calls"]}

    async def ledger(self, conference_sid: str, kind: str | None = None) -> list[Json]:
        """What happened in one room."""
        query = {"conference": conference_sid} | ({"kind": kind} if kind else {})
        entries: list[Json] = (await self.ask("GET", "/ledger", **query))["entries"]
        return entries

    async def pairs(self, conference_sid: str) -> set[frozenset[str]]:
        """Who talks with whom now: both ways, by address."""
        room = await self.ask("GET", f"/conferences/{conference_sid}/hearing")
        who = {each["call_sid"]: each["address"] for each in room["participants"]}
        ways = {(who[speaker], who[listener]) for speaker, listener in room["pairs"]}
        return {frozenset(way) for way in ways if way[::-1] in ways}

    async def requests_about(
        self, sids: set[str], since: float, until: float = math.inf, or_nobody: bool = False
    ) -> list[Json]:
        """Every REST request of a span of time that names one of these SIDs. With `or_nobody` also
        what is about a queue or a worker and names no call at all."""
        made = (await self.ask("GET", "/requests"))["requests"]
        return [
            each
            for each in made
            if since <= each["at"] <= until
            and (_names(each, sids) or (or_nobody and _is_about_queues(each)))
        ]


def addresses(people: list[Json]) -> set[str]:
    """The addresses of people in a view of the simulator."""
    return {each["address"] for each in people}


_A_CALL = re.compile(r"\b(?:CF|CA|WT)[0-9a-f]{32}")


def _names(request: Json, sids: set[str]) -> bool:
    """Parameters count too: attributes of a task are text that names SIDs somewhere inside."""
    return any(sid in _text(request) for sid in sids)


def _is_about_queues(request: Json) -> bool:
    """About TaskRouter, and naming no call. Only the guardian lists the tasks of all queues."""
    path = request["path"].removesuffix(".json")
    is_of_all = path.endswith("/Tasks") and "TaskQueueSid" not in request["params"]
    is_named = _A_CALL.search(_text(request)) is not None
    return "/Workspaces/" in path and not (is_named or (is_of_all and request["method"] == "GET"))


def _text(request: Json) -> str:
    return " ".join([request["path"], *(str(value) for value in request["params"].values())])


def _path(address: str, verb: str) -> str:
    return f"/phones/{quote(address, safe='+:@')}/{verb}".rstrip("/")
