"""The audit trail: one log line for each change that somebody asked for, chained by hashes.

    python -m api.audit < log       checks the trail in lines of JSON, and tells what is missing

A line says who asked for what, about which call or transfer, and what was answered; it is written
before the answer leaves. Each holds the hash of the one before it, so that a line that was changed,
taken out, put in or moved is found. A process begins a chain of its own. The end of a chain can be
cut off unseen: send the lines to a place that the api's host cannot write to.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.principal import Principal
from api.errors import MEDIA_TYPE
from workflows.logs import masked

LOGGER = "handover.audit"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
FIRST = "h0"
"""What stands for the hash before the first line."""
UNANSWERED = 0
"""The status of a request that ended without an answer."""

Entry = dict[str, Any]

log = structlog.get_logger(LOGGER)


def _write(entry: Entry) -> None:
    log.info("audit", **entry)


class Audit:
    """One chain. `write` is told each entry, in order."""

    def __init__(self, write: Callable[[Entry], None] = _write) -> None:
        self.write = write
        self._chain = f"c{secrets.token_hex(8)}"
        self._number = 0
        self._previous = FIRST

    def note(self, who: Principal, what: str, about: str, status: int, code: str) -> None:
        """One more line. Nothing in it is a number or a name: what looks like one is masked, as the
        log would do, before the hash is taken."""
        entry: Entry = {
            "chain": self._chain,
            "number": self._number,
            "at": round(time.time(), 3),
            "who": masked(who.id),
            "role": who.role.value,
            "what": what,
            "about": masked(about),
            "status": status,
            "code": code,
            "previous": self._previous,
        }
        entry["hash"] = self._previous = hash_of(entry)
        self._number += 1
        self.write(entry)


def hash_of(entry: Mapping[str, Any]) -> str:
    """What an entry's `hash` should be. It covers all that `Audit.note` says, and nothing that a
    log adds."""
    names = ("chain", "number", "at", "who", "role", "what", "about", "status", "code", "previous")
    said = json.dumps([entry.get(name) for name in names], ensure_ascii=True)
    return f"h{hashlib.sha256(said.encode()).hexdigest()}"


class Audited:
    """Notes every request that may change something, by whoever showed a credential, and what came
    of it. Webhooks are not among them: nobody asks for anything there."""

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] in READS:
            await self._app(scope, receive, send)
            return
        held: list[Message] = []
        is_noted = False

        def note(status: int, body: bytes = b"") -> None:
            nonlocal is_noted
            is_noted = True
            principal = scope.get("state", {}).get("principal")
            if isinstance(principal, Principal):
                route = getattr(scope.get("route"), "path", "none")
                headers = dict(held[0]["headers"]) if held else {}
                about = _about(scope, headers)
                code = _code(headers, body)
                self._audit.note(principal, f"{scope['method']} {route}", about, status, code)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            if not is_noted and message["type"] == "http.response.body":
                note(held[0]["status"], message.get("body", b""))
                await send(held[0])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            note(500)
            raise
        finally:
            if not is_noted:
                note(UNANSWERED)


def _about(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """The ids in the address, and of what was made."""
    ids = [str(value) for value in scope.get("path_params", {}).values()]
    if location := headers.get(b"location"):
        ids.append(location.decode("latin-1").rpartition("/")[2])
    return " ".join(ids)


def _code(headers: Mapping[bytes, bytes], body: bytes) -> str:
    """The code of a problem."""
    if not headers.get(b"content-type", b"").startswith(MEDIA_TYPE.encode()):
        return ""
    return str(json.loads(body).get("code", ""))


def faults(lines: Iterable[str]) -> tuple[int, list[str]]:
    """How many entries there are in lines of a log, and what is wrong with their chains."""
    last: dict[str, Entry] = {}
    wrong: list[str] = []
    number = 0
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or entry.get("logger") != LOGGER:
            continue
        number += 1
        chain = str(entry.get("chain"))
        before = last.get(chain, {"number": -1, "hash": FIRST})
        last[chain] = entry
        place = f"{chain} {entry.get('number')}"
        if entry.get("hash") != hash_of(entry):
            wrong.append(f"{place}: was changed")
        elif entry["number"] != before["number"] + 1:
            wrong.append(f"{place}: follows {before['number']}")
        elif entry["previous"] != before["hash"]:
            wrong.append(f"{place}: does not continue the line before it")
    return number, wrong


def main() -> int:
    """Check what comes in, tell, answer the exit code: 0 whole, 1 not."""
    number, wrong = faults(sys.stdin)
    for each in wrong:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{number} entries, {len(wrong)} faults\n")
    return 1 if wrong or not number else 0


if __name__ == "__main__":
    sys.exit(main())
