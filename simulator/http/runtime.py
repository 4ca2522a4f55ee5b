"""The network in a process: turns its clock, empties its outbox, keeps the logs.

Everything touches the network through `act`, on one event loop, so that nothing ever overlaps:
the clock is brought up to date before, and what became due or is to be sent is seen to after.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import structlog

from simulator.core.clock import Clock
from simulator.core.ids import SidFactory
from simulator.core.ledger import Entry
from simulator.core.network import Network
from simulator.faults import Faults
from simulator.http.delivery import Delivery
from simulator.http.transport import Transport
from simulator.settings import TURNABLE_START, Settings
from simulator.switches import Switches

log = structlog.get_logger("simulator")
SETTLE_SECONDS_MAX = 15.0
SUBSCRIBER_QUEUE_MAX = 10_000


class Act:
    """Somebody touches the network, as a `with`."""

    __slots__ = ("_runtime",)

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime

    def __enter__(self) -> Network:
        network = self._runtime.network
        if not self._runtime.is_turnable:
            network.clock.turn_to(time.time())
        return network

    def __exit__(self, *_: object) -> None:
        self._runtime._afterwards()


class Runtime:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.is_turnable = settings.turnable
        self.faults = Faults()
        self.requests: deque[dict[str, Any]] = deque(maxlen=settings.log_limit)
        self.request_count = 0
        self.transport = Transport(settings.auth_token)
        self.delivery = Delivery(self)
        self.sids = SidFactory(settings.seed)
        self.network = self._build(TURNABLE_START if settings.turnable else time.time())
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: float | None = None
        self._subscribers: set[asyncio.Queue[Entry]] = set()

    def _build(self, start: float) -> Network:
        settings = self.settings
        switches = Switches()
        switches.put(settings.switches)
        network = Network(
            account_sid=settings.account_sid,
            clock=Clock(start),
            seed=settings.seed,
            switches=switches,
            ledger_limit=settings.ledger_limit,
        )
        # Identifiers go on after a reset: a room of yesterday's test must not come back.
        network.sid = self.sids
        network.ledger.listeners.append(self._publish)
        return network

    async def open(self) -> None:
        await self.transport.open()

    async def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self.delivery.cancel()
        await self.transport.close()

    def reset(self) -> None:
        """An empty network; time goes on."""
        self.delivery.forget()
        self.faults.clear()
        self.requests.clear()
        self.network = self._build(self.network.clock.now)

    # -- touching the network ----------------------------------------------------------------

    def act(self) -> "Act":
        """The network, brought up to date; what was done to it takes its course afterwards."""
        return Act(self)

    def _afterwards(self) -> None:
        network = self.network
        network.clock.run_due()
        while network.outbox:
            waiting, network.outbox = network.outbox, []
            for fetch in waiting:
                self.delivery.start(fetch)
            network.clock.run_due()
        if not self.is_turnable:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """One alarm, for the next entry of the clock; most touches leave it as it is."""
        at = self.network.clock.next_at()
        if at == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._alarm_at = at
        if at is not None:
            delay = max(0.0, at - time.time())
            self._alarm = asyncio.get_running_loop().call_later(delay, self._alarm_rings)

    def _alarm_rings(self) -> None:
        self._alarm = self._alarm_at = None
        with self.act():
            pass

    async def sleep(self, seconds: float) -> None:
        """Wait by the network's clock, whoever turns it."""
        done = asyncio.get_running_loop().create_future()
        with self.act() as network:
            network.clock.call_later(
                seconds, lambda: None if done.done() else done.set_result(None)
            )
        await done

    async def settled(self) -> bool:
        """Wait until every request to the application has been answered; False if one hangs."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                while self.delivery.in_flight:
                    await self.delivery.wait_for_change()
        except TimeoutError:
            return False
        return True

    async def advance(self, seconds: float) -> None:
        """Turn the clock, event by event; documents are awaited before time moves on."""
        target = self.network.clock.now + seconds
        while True:
            await self.settled()
            at = self.network.clock.next_at()
            if at is None or at > target:
                break
            with self.act() as network:
                network.clock.turn_to(at)
        with self.act() as network:
            network.clock.turn_to(target)
        await self.settled()

    # -- logs --------------------------------------------------------------------------------

    def log_request(self, **entry: Any) -> dict[str, Any]:
        self.request_count += 1
        record = {"seq": self.request_count, **entry}
        self.requests.append(record)
        return record

    def _publish(self, entry: Entry) -> None:
        for queue in self._subscribers:
            if not queue.full():
                queue.put_nowait(entry)

    @contextlib.contextmanager
    def subscribed(self) -> Iterator["asyncio.Queue[Entry]"]:
        queue: asyncio.Queue[Entry] = asyncio.Queue(SUBSCRIBER_QUEUE_MAX)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)
