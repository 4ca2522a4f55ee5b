"""Delivering the outbox: each entry a task of its own, with the faults that were ordered for it."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import structlog

from simulator.core.outbox import Fetch, Reply
from simulator.core.text import iso8601
from simulator.faults import FaultRule

if TYPE_CHECKING:
    from simulator.http.runtime import Runtime

log = structlog.get_logger("simulator.delivery")


class Delivery:
    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._made = 0
        # A callback that must arrive after its successor, with the rule that holds it.
        self._held: tuple[dict[str, Any], Fetch] | None = None
        self.records: deque[dict[str, Any]] = deque(maxlen=runtime.settings.log_limit)

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    async def wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def forget(self) -> None:
        self._held = None
        self.records.clear()

    # -- deciding ----------------------------------------------------------------------------

    def start(self, fetch: Fetch) -> None:
        """Decide at once what becomes of it, so that the decision does not depend on the wire."""
        record = self._record(fetch)
        rules: list[FaultRule] = []
        if self._runtime.faults:
            rules = self._runtime.faults.striking(
                fetch.kind, method=fetch.method, path=fetch.url, name=fetch.event
            )
        record["faults"] = [rule.id for rule in rules]
        seconds = sum(rule.wait_seconds for rule in rules if rule.kind == "delay")
        rule = next((rule for rule in rules if rule.kind != "delay"), None)
        if seconds > 0:
            clock = self._runtime.network.clock
            record["outcome"] = "delayed"
            clock.call_later(seconds, lambda: self._go(record, fetch, rule))
        else:
            self._go(record, fetch, rule)

    def _record(self, fetch: Fetch) -> dict[str, Any]:
        self._made += 1
        record: dict[str, Any] = {
            "seq": self._made,
            "at": fetch.at,
            "time": iso8601(fetch.at),
            "kind": fetch.kind,
            "event": fetch.event,
            "method": fetch.method,
            "url": fetch.url,
            "params": fetch.params,
            "call_sid": fetch.call_sid or fetch.params.get("CallSid"),
            "conference_sid": fetch.conference_sid,
            "token": fetch.token,
            "outcome": "sending",
            "status": None,
            "attempts": 0,
            "error": "",
        }
        self._runtime.network.ledger.write(
            fetch.at,
            "sent",
            fetch.event,
            call_sid=record["call_sid"],
            conference_sid=fetch.conference_sid,
            url=fetch.url,
        )
        self.records.append(record)
        return record

    def _go(self, record: dict[str, Any], fetch: Fetch, rule: FaultRule | None) -> None:
        kind = rule.kind if rule is not None else ""
        if kind == "drop":
            record["outcome"] = "dropped"
            if fetch.kind == "twiml":
                self._answer(record, fetch, Reply(0, error="connect: dropped by a fault"), 1)
        elif kind == "status" and rule is not None:
            body = rule.body or ""
            self._answer(record, fetch, Reply(rule.status, body, "text/plain"), 1)
        elif kind == "reorder" and self._held is None and rule is not None:
            self._hold(record, fetch, rule)
        else:
            copies = rule.times if rule is not None and kind == "duplicate" else 1
            for _ in range(copies):
                self._launch(self._send(record, fetch))

    def _answer(self, record: dict[str, Any], fetch: Fetch, reply: Reply, attempts: int) -> None:
        record.update(status=reply.status or None, attempts=attempts, error=reply.error)
        clock = self._runtime.network.clock
        clock.call_soon(lambda: fetch.reply(reply))

    def _hold(self, record: dict[str, Any], fetch: Fetch, rule: FaultRule) -> None:
        """Keep it until the next callback has arrived, or until nothing came for a while."""
        record["outcome"] = "held"
        self._held = (record, fetch)
        clock = self._runtime.network.clock
        clock.call_later(rule.wait_seconds, lambda: self._release(fetch))

    def _release(self, fetch: Fetch | None) -> None:
        held = self._held
        if held is None or (fetch is not None and held[1] is not fetch):
            return
        self._held = None
        self._launch(self._send(*held))

    # -- sending -----------------------------------------------------------------------------

    def _launch(self, sending: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("delivery failed", exc_info=task.exception())

    async def _send(self, record: dict[str, Any], fetch: Fetch) -> None:
        record["outcome"] = "sending"
        record["sent_ns"] = time.monotonic_ns()
        outcome = await self._runtime.transport.send(fetch)
        reply = outcome.reply
        record["attempts"] += outcome.attempts
        record["status"] = reply.status or None
        record["error"] = reply.error
        record["seconds"] = round(outcome.seconds, 6)
        record["outcome"] = "delivered" if reply.connected else "failed"
        if reply.error.startswith("11243"):
            with self._runtime.act() as network:
                network.alert(11243, "HTTP retry policy is invalid", url=fetch.url)
        with self._runtime.act():
            fetch.reply(reply)
        if fetch.kind == "callback" and self._held is not None:
            self._release(None)
