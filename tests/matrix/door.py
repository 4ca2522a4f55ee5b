"""The real application's door, and people at it who must not come in.

The application is the one that is deployed, on the parts of the stage's own api: whatever got in
would move the very transfer that is being played.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

from api.app import create_app
from api.settings import Settings
from simulator.http.signature import sign
from tests.simulation.stage import ACCOUNT, BASE, CALLER, Stage

TOKEN = "secret"
FORM = "application/x-www-form-urlencoded"
KEY, SECRET = "desk", "the desk's own key"
LABEL = "0123456789abcdef-t1"
CALL = "CA" + "e" * 32


@dataclass(frozen=True)
class Knock:
    """One request, as bytes on the wire."""

    name: str
    path: str
    body: bytes
    headers: dict[str, str]


@cache
def _application(settings: Settings) -> Any:
    key = f"{KEY}:service:{hashlib.sha256(SECRET.encode()).hexdigest()}"
    made = settings.model_dump() | {"handover_api_keys": key, "handover_agents": ""}
    known = {name: value for name, value in made.items() if value is not None}
    return create_app(type(settings)(_env_file=None, **known))  # type: ignore[call-arg]


class Door:
    """Where the application of a stage is entered."""

    def __init__(self, stage: Stage) -> None:
        self._app = _application(stage.edge.parts.settings)
        parts = self._app.state.parts
        self._app.state.parts = replace(parts, engine=stage.edge.parts.engine)

    async def forged(self, conference_sid: str) -> AsyncIterator[tuple[str, int]]:
        """Everything that looks like Twilio and is not."""
        bodies = set()
        for knock in _forgeries(conference_sid):
            status, body = await self._knock(knock)
            bodies.add(body)
            yield knock.name, status
        # Nobody learns from the answer which calls exist.
        yield "one and the same answer", 403 if len(bodies) == 1 else 500

    async def poisoned(self, conference_sid: str) -> AsyncIterator[tuple[str, int]]:
        """Genuine requests that make no sense."""
        for knock in _poison(conference_sid):
            yield knock.name, (await self._knock(knock))[0]

    async def misused(self, conference_sid: str) -> AsyncIterator[tuple[str, int]]:
        """Starts that nobody can have meant, by somebody who may start transfers."""
        async for each in self._misused("/v1/transfers", _bad_starts(conference_sid)):
            yield each

    async def misused_hold(self, conference_sid: str) -> AsyncIterator[tuple[str, int]]:
        """Holds that nobody can have meant, by somebody who may ask for them."""
        async for each in self._misused(f"/v1/calls/{conference_sid}/hold", _bad_holds()):
            yield each

    async def misused_join(self, conference_sid: str) -> AsyncIterator[tuple[str, int]]:
        """Joins that nobody can have meant, by somebody who may supervise."""
        async for each in self._misused(f"/v1/calls/{conference_sid}/supervisors", _bad_joins()):
            yield each

    async def _misused(
        self, path: str, bad: list[tuple[str, bytes]]
    ) -> AsyncIterator[tuple[str, int]]:
        for number, (name, body) in enumerate(bad):
            headers = {
                "content-type": "application/json",
                "authorization": f"Bearer {SECRET}",
                "idempotency-key": f"key-of-a-mistake-{number}",
            }
            knock = Knock(name, path, body, headers)
            yield name, (await self._knock(knock))[0]

    async def _knock(self, knock: Knock) -> tuple[int, bytes]:
        path, _, query = knock.path.partition("?")
        headers = {"content-length": str(len(knock.body)), **knock.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "server": ("app", 80),
            "client": ("192.0.2.1", 4711),
            "root_path": "",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": knock.body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        body = b"".join(each.get("body", b"") for each in sent[1:])
        return int(sent[0]["status"]), body


def _signed(
    name: str, path: str, form: dict[str, str], token: str = TOKEN, **changes: str
) -> Knock:
    """A form with the signature that `token` gives it, changed afterwards."""
    signature = sign(token, BASE + path, form)
    body = urlencode({**form, **changes}).encode()
    return Knock(name, path, body, {"content-type": FORM, "x-twilio-signature": signature})


def _hang_up(conference_sid: str) -> dict[str, str]:
    return {
        "AccountSid": ACCOUNT,
        "ConferenceSid": conference_sid,
        "StatusCallbackEvent": "participant-leave",
        "CallSid": CALL,
        "ParticipantLabel": "caller",
        "ParticipantCallStatus": "completed",
        "From": CALLER,
    }


def _forgeries(conference_sid: str) -> list[Knock]:
    room = "/twilio/conference"
    leg = f"/twilio/status/transfer/{conference_sid}/{LABEL}"
    left = _hang_up(conference_sid)
    ended = {**left, "StatusCallbackEvent": "conference-end"}
    answered = {"AccountSid": ACCOUNT, "CallSid": CALL, "CallStatus": "in-progress"}
    genuine = _signed("", room, left)
    return [
        replace(genuine, name="without a signature", headers={"content-type": FORM}),
        _signed("with another token", room, left, "another token"),
        _signed("the room is said to have ended", room, ended, "another token"),
        _signed("an answer of the target", leg, answered, "another token"),
        _signed("signed for other fields", room, left, StatusCallbackEvent="conference-end"),
        replace(genuine, name="signed for another address", path=leg),
        replace(genuine, name="with a query of its own", path=f"{room}?a=b"),
        _signed("of another account", room, {**left, "AccountSid": "AC" + "9" * 32}),
        _signed("of a call that is not known", room, _hang_up("CF" + "9" * 32), "another token"),
        _signed("an assignment", "/twilio/taskrouter/assignment", left, "another token"),
    ]


def _poison(conference_sid: str) -> list[Knock]:
    room = "/twilio/conference"
    leg = f"/twilio/status/transfer/{conference_sid}/{LABEL}"
    left = _hang_up(conference_sid)
    signed = _signed("", room, left).headers
    doubled = urlencode([*left.items(), ("CallSid", "CA" + "d" * 32)]).encode()
    strange = {
        "nothing at all": {"AccountSid": ACCOUNT},
        "an unknown event": {**left, "StatusCallbackEvent": "participant-levitate"},
        "no call SID": {**left, "CallSid": "\x00"},
        "text from right to left": {**left, "ParticipantLabel": "\u202ecaller\U0001f600"},
        "ten thousand digits": {**left, "CallSid": "CA" + "1" * 10_000},
        "no room": {**left, "ConferenceSid": "../../v1/transfers"},
        "a status that does not exist": {**left, "ParticipantCallStatus": "exploded"},
    }
    return [
        *(_signed(name, room, form) for name, form in strange.items()),
        _signed("a leg of nobody", leg, {"AccountSid": ACCOUNT, "CallSid": "x", "CallStatus": "?"}),
        Knock("JSON", room, json.dumps(left).encode(), {**signed, "content-type": "text/json"}),
        Knock("not a form", room, b"\xff\xfe%%%&&==", signed),
        Knock("twice the same field", room, doubled, signed),
        Knock("a megabyte", room, b"a=" + b"b" * 1_000_000, signed),
    ]


def _bad_starts(conference_sid: str) -> list[tuple[str, bytes]]:
    good: dict[str, Any] = {
        "kind": "warm",
        "call": {"conference_sid": conference_sid},
        "targets": ["client:bob"],
        "agent": "client:alice",
    }
    bad: dict[str, Any] = {
        "no target": {**good, "targets": []},
        "no such kind": {**good, "kind": "lukewarm"},
        "a field nobody knows": {**good, "speed": 3},
        "a room that is none": {**good, "call": {"conference_sid": "CF1"}},
        "a number as kind": {**good, "kind": 7},
        "a premium number": {**good, "targets": ["+1900"]},
        "a deep nest": {**good, "targets": [[[["client:bob"]]]]},
        "a ring without end": {
            **good, "targets": [{"address": "client:bob", "ring_seconds": 1e9}],
        },
    }  # fmt: skip
    found = [(name, json.dumps(body).encode()) for name, body in bad.items()]
    return [*found, ("not JSON", b"{"), ("not text", b"\xff\xfe\x00")]


def _bad_holds() -> list[tuple[str, bytes]]:
    bad: dict[str, Any] = {
        "a field nobody knows": {"speed": 3},
        "an agent who is a number": {"agent": 7},
        "a hold without end": {"policy": {"seconds_max": 1e9}},
        "a hold of no time": {"policy": {"seconds_max": 0}},
        "an end that does not exist": {"policy": {"at_max": "forget"}},
        "a deep nest": {"policy": [[[["resume"]]]]},
    }
    found = [(name, json.dumps(body).encode()) for name, body in bad.items()]
    return [*found, ("not JSON", b"{"), ("not text", b"\xff\xfe\x00")]


def _bad_joins() -> list[tuple[str, bytes]]:
    good: dict[str, Any] = {"mode": "monitor", "supervisor": "client:sue"}
    bad: dict[str, Any] = {
        "no mode": {"supervisor": "client:sue"},
        "no such mode": {**good, "mode": "shout"},
        "taken over at once": {**good, "mode": "take_over"},
        "nobody's phone": {"mode": "monitor"},
        "the caller's own phone": {**good, "supervisor": CALLER},
        "a queue": {**good, "supervisor": "queue:Billing"},
        "a listener of one's own choice": {**good, "call_sid_to_coach": CALL},
        "un-muted at once": {**good, "muted": False},
        "a ring without end": {**good, "ring_seconds": 1e9},
        "a deep nest": {**good, "policy": [[[["follow"]]]]},
    }
    found = [(name, json.dumps(body).encode()) for name, body in bad.items()]
    return [*found, ("not JSON", b"{"), ("not text", b"\xff\xfe\x00")]
