"""An agent's desktop: the engine's REST face with one person's key."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from tests.e2e.stack import Stack
from tests.e2e.telephones import Json, until


class Desk:
    """What one person may read and press."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._http = stack.http
        self._base = stack.api_url
        self._headers = {"Authorization": f"Bearer {stack.keys[name]}"}

    async def request(
        self, method: str, path: str, body: Any = None, key: str = ""
    ) -> httpx.Response:
        """One request; the answer, whatever it is."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        return await self._http.request(method, self._base + path, json=body, headers=headers)

    async def live_call(self, caller_call_sid: str) -> str:
        """Wait until this caller talks with an agent; answers the conference's SID."""

        async def look() -> str | None:
            answer = await self.request("GET", "/v1/calls?limit=100")
            for call in _ok(answer)["items"]:
                people = {person["call_sid"] for person in call["people"]}
                state = call["call"]["state"] if call["call"] else ""
                if caller_call_sid in people and state == "talking":
                    return str(call["conference_sid"])
            return None

        return await until(look, "the call to show on the desk")

    async def start(self, call: Json, kind: str, targets: list[Json], **policy: Any) -> Json:
        """Begin a transfer."""
        body = {"kind": kind, "call": call, "targets": targets, "policy": policy}
        return _ok(await self.request("POST", "/v1/transfers", body, key=uuid.uuid4().hex), 202)

    async def read(self, transfer_id: str) -> Json:
        """One transfer with its journal."""
        return _ok(await self.request("GET", f"/v1/transfers/{transfer_id}"))

    async def press(self, transfer_id: str, verb: str) -> Json:
        """Press a button. The same press is repeated while no worker answers."""
        key = uuid.uuid4().hex

        async def look() -> Json | None:
            answer = await self.request("POST", f"/v1/transfers/{transfer_id}/{verb}", key=key)
            return None if answer.status_code == 503 else _ok(answer)

        return await until(look, f"{verb} to be accepted")

    async def until(self, transfer_id: str, *states: str) -> Json:
        """Wait until a transfer is in one of these states."""
        last: list[str] = [""]

        async def look() -> Json | None:
            view = await self.read(transfer_id)
            last[0] = view["state"]
            return view if view["state"] in states else None

        try:
            return await until(look, f"the state {' or '.join(states)}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {last[0]}") from None

    async def over(self, transfer_id: str) -> Json:
        """Wait until a transfer has ended."""

        async def look() -> Json | None:
            view = await self.read(transfer_id)
            return view if view["is_over"] else None

        return await until(look, "the transfer to end", 30.0)


def _ok(answer: httpx.Response, status: int = 200) -> Json:
    if answer.status_code != status:
        raise AssertionError(f"{answer.request.method} {answer.request.url.path}: {answer.text}")
    found: Json = answer.json()
    return found
