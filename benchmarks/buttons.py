"""The two things that are measured, behind one face: the engine's api and the floor's."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, Protocol

from benchmarks.processes import Bench
from benchmarks.rooms import AGENT, LOOK_SECONDS, Call, rest_path
from tests.e2e.stack import NUMBER

Json = dict[str, Any]
ATTEMPTS_MAX = 5
"""A start that is answered 503, because the machine is overwhelmed, is repeated with its key."""
GUARD_SECONDS = 0.0
"""Nobody is watched for his first seconds, so that a transfer is over when its work is done."""


class Buttons(Protocol):
    """What can be asked of either."""

    name: str
    repeated: int
    """Starts that had to be repeated, because the api gave up waiting for Temporal."""

    def hears(self, room_name: str) -> str:
        """The address that the callbacks of a room go to."""

    async def start(self, call: Call, story: str, target: str) -> tuple[str, int]:
        """Start a transfer: its id, and the monotonic nanosecond in which the click was sent.

        `story` is cold, whole (cold to the end, all its requests), warm or abandoned.
        """

    async def consulting(self, transfer: str) -> None:
        """Wait until the answer of the target has been digested."""

    async def complete(self, transfer: str) -> int:
        """Give the caller to the target; the nanosecond in which that was sent."""


class Engine:
    """The engine's REST face, with the key of a service."""

    name = "engine"

    def __init__(self, bench: Bench) -> None:
        self.repeated = 0
        self._http = bench.http
        self._base = bench.stack.api_url
        self._headers = {"Authorization": f"Bearer {bench.stack.keys['service']}"}

    def hears(self, room_name: str) -> str:
        """The engine's address for conference events."""
        return f"{self._base}/twilio/conference"

    async def start(self, call: Call, story: str, target: str) -> tuple[str, int]:
        """`POST /v1/transfers`."""
        body = {
            "kind": "cold" if story in ("cold", "whole") else "warm",
            "call": {"conference_sid": call.conference_sid},
            "agent": {"address": AGENT, "call_sid": call.agent_sid},
            "targets": [target],
            "policy": {"guard_seconds": GUARD_SECONDS},
        }
        headers = self._headers | {"Idempotency-Key": uuid.uuid4().hex}
        sent = time.monotonic_ns()
        url = f"{self._base}/v1/transfers"
        for _ in range(ATTEMPTS_MAX):
            async with self._http.post(url, json=body, headers=headers) as answer:
                made = await answer.json()
            if answer.status == 202:
                break
            if answer.status != 503:
                raise RuntimeError(f"no transfer: {made}")
            self.repeated += 1
        else:
            raise RuntimeError(f"no transfer: {made}")
        return str(made["id"]), sent

    async def consulting(self, transfer: str) -> None:
        """Read the transfer until the agent talks to the target."""
        while (await self.read(transfer))["state"] != "consulting":  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)

    async def complete(self, transfer: str) -> int:
        """`POST …/complete`."""
        sent = time.monotonic_ns()
        url = f"{self._base}/v1/transfers/{transfer}/complete"
        async with self._http.post(url, headers=self._headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"not completed: {await answer.text()}")
        return sent

    async def read(self, transfer: str) -> Json:
        """`GET /v1/transfers/{id}`."""
        url = f"{self._base}/v1/transfers/{transfer}"
        async with self._http.get(url, headers=self._headers) as answer:
            return dict(await answer.json())


class Floor:
    """The floor's bare routes."""

    name = "floor"

    def __init__(self, bench: Bench) -> None:
        self.repeated = 0
        self._http = bench.http
        self._base = bench.floor_url

    def hears(self, room_name: str) -> str:
        """The id of a walk is the name of its room."""
        return f"{self._base}/hear/{room_name}"

    async def start(self, call: Call, story: str, target: str) -> tuple[str, int]:
        """Start a walk through the requests of that story."""
        body = {"id": call.name, "script": self.script(call, story, target)}
        sent = time.monotonic_ns()
        async with self._http.post(f"{self._base}/start", json=body) as answer:
            answer.raise_for_status()
        return call.name, sent

    def script(self, call: Call, story: str, target: str) -> list[Json]:
        """The requests, and `{}` for each pause."""
        room = f"Conferences/{call.conference_sid}"
        dial = {
            "From": NUMBER,
            "To": target,
            "StatusCallback": self.hears(call.name),
            "StatusCallbackEvent": "answered",
            "EndConferenceOnExit": "false",
        }
        unhold = _ask("POST", f"{room}/Participants/{call.caller_sid}.json", {"Hold": "false"})
        end = _ask("POST", f"{room}.json", {"Status": "completed"})
        remove = _ask("DELETE", f"{room}/Participants/{call.agent_sid}.json")
        then = {
            "cold": [unhold],
            "whole": [unhold, remove],
            "warm": [{}, unhold],
            "abandoned": [end],
        }[story]
        return [
            _ask("GET", f"{room}.json"),
            _ask("POST", f"{room}/Participants.json", dial),
            {},
            *then,
        ]

    async def consulting(self, transfer: str) -> None:
        """The floor has nothing to be read: its signal takes some 20 ms."""
        await asyncio.sleep(0.1)

    async def complete(self, transfer: str) -> int:
        """One bare update."""
        sent = time.monotonic_ns()
        async with self._http.post(f"{self._base}/ask/{transfer}") as answer:
            answer.raise_for_status()
        return sent


def _ask(method: str, path: str, form: Json | None = None) -> Json:
    return {"method": method, "path": rest_path(path), "form": form}
