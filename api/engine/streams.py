"""Every step of a transfer as it happens, for whoever listens.

One poller per transfer, shared by all its listeners in this process and running only while there is
one. It reads the memo: no worker is asked, nothing is added to the workflow's history.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from api.engine.records import TransferRecord, journal, transfer_record
from api.engine.temporal import EngineUnreachableError, Temporal
from workflows.machine.model import Entry
from workflows.messages import TransferView, transfer_workflow_id

log = structlog.get_logger("handover.api.streams")

BACKOFF_SECONDS = 2.0
"""Between two looks while Temporal is silent."""


@dataclass(frozen=True)
class News:
    """Steps that were taken since, and the transfer after them."""

    entries: tuple[Entry, ...]
    view: TransferView


@dataclass
class _Poller:
    """What is known of one run, and who waits for more."""

    task: asyncio.Task[None] | None = None
    view: TransferView | None = None
    entries: list[Entry] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0
    is_lost: bool = False

    def announce(self) -> None:
        """Wakes all listeners, and begins to wait anew."""
        self.changed.set()
        self.changed = asyncio.Event()


class Streams:
    """Hands out streams of news."""

    def __init__(self, temporal: Temporal, poll_seconds: float) -> None:
        self._temporal = temporal
        self._poll_seconds = poll_seconds
        self._pollers: dict[str, _Poller] = {}

    @property
    def open_pollers(self) -> int:
        """How many transfers are being looked at."""
        return len(self._pollers)

    async def listen(self, record: TransferRecord, after: int) -> AsyncGenerator[News]:
        """The steps after number `after`, first those already taken. Ends after the last one."""
        poller = self._poller(record)
        poller.listeners += 1
        told, is_first = after, True
        try:
            while True:
                changed = poller.changed
                entries = tuple(entry for entry in poller.entries if entry.step > told)
                view = poller.view
                if view is not None and (entries or is_first or view.is_over):
                    is_first = False
                    told = max(told, view.step, *(entry.step for entry in entries))
                    yield News(entries, view)
                if poller.is_lost or (view is not None and view.is_over):
                    return
                await changed.wait()
        finally:
            poller.listeners -= 1
            if poller.listeners == 0:
                await self._stop(record.run_id, poller)

    async def close(self) -> None:
        """Stops all looking; for the end of the process."""
        for run_id, poller in list(self._pollers.items()):
            await self._stop(run_id, poller)

    def _poller(self, record: TransferRecord) -> _Poller:
        poller = self._pollers.get(record.run_id)
        if poller is None:
            poller = self._pollers[record.run_id] = _Poller()
            poller.task = asyncio.get_running_loop().create_task(self._poll(record, poller))
        return poller

    async def _stop(self, run_id: str, poller: _Poller) -> None:
        if self._pollers.get(run_id) is poller:
            del self._pollers[run_id]
        if poller.task is not None:
            poller.task.cancel()
            with suppress(asyncio.CancelledError):
                await poller.task

    async def _poll(self, record: TransferRecord, poller: _Poller) -> None:
        """Looks until the transfer is over, or gone from Temporal."""
        workflow_id = transfer_workflow_id(record.view.conference_sid)
        length = -1
        while True:
            try:
                description = await self._temporal.describe(workflow_id, record.run_id)
            except EngineUnreachableError:
                await asyncio.sleep(BACKOFF_SECONDS)
                continue
            except Exception:
                log.exception("an event stream was lost", transfer=record.view.id)
                description = None
            seen = await transfer_record(description) if description else None
            if seen is None or description is None:
                poller.is_lost = True
                poller.announce()
                return
            if seen.history_length != length or not seen.is_running:
                length = seen.history_length
                known = poller.entries[-1].step if poller.entries else -1
                poller.entries += await journal(description, known)
                poller.view = seen.view
                poller.announce()
            if not seen.is_running:
                return
            await asyncio.sleep(self._poll_seconds)
