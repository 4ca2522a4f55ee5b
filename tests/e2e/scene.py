"""One call on the stage: a caller with an agent, a transfer, and what can be said of it afterwards.

The demo and the tests play the same scenes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowFailureError

from benchmarks.actions import actions_of
from tests.e2e.desk import Desk
from tests.e2e.evidence import Hearing, call_sids, windows
from tests.e2e.stack import Stack
from tests.e2e.telephones import Json, NeverSeenError, Telephones, until
from workflows.machine.journal import ladder
from workflows.machine.model import Entry, State
from workflows.messages import transfer_workflow_id

GUARD_SECONDS = 0.5
"""How long a new pair is watched before a transfer counts as done. The default is three seconds;
nobody here hangs up in that time, so there is nothing to be seen in it."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Ending:
    """How a story has to end. People are named by their part in it."""

    state: str
    reason: str
    together: tuple[Pair, ...] = ()
    """Who talks with whom at the end; nobody else hears anybody."""
    up: tuple[str, ...] = ()
    """Who still has a call, one each; nobody else has."""
    talked: tuple[Pair, ...] = ()
    """Who has talked with whom at some time since the transfer began."""
    never_talked: tuple[Pair, ...] = ()


@dataclass
class Told:
    """A story that was played: what was seen, and what was not as it should be."""

    name: str
    title: str
    people: dict[str, str] = field(default_factory=dict)
    view: Json = field(default_factory=dict)
    together: list[Pair] = field(default_factory=list)
    talked: dict[Pair, float] = field(default_factory=dict)
    up: list[str] = field(default_factory=list)
    requests: int = 0
    events: int = 0
    actions: int = 0
    seconds: float = 0.0
    asides: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    journal: str = ""
    """The story of a workflow that is no transfer."""
    outcome: Json = field(default_factory=dict)
    """How what is no transfer ended, in a transfer's words: `reason`, `hold_seconds`."""
    conference_sid: str = ""

    @property
    def ladder(self) -> str:
        """The story as the operator sees it in Temporal's Web UI."""
        if self.journal:
            return self.journal
        if not self.view:
            return "(no transfer was begun)"
        return ladder(entries_of(self.view), self.view["started_at"])


class Scene:
    """One call and its transfer."""

    is_alone = False
    """Whether no other scene is played beside this one."""

    def __init__(self, stack: Stack, caller: str, agent: str, **targets: str) -> None:
        """`targets` name further people by their part: target, second, …"""
        self.stack = stack
        self.phones = Telephones(stack)
        self.desk = Desk(stack, agent.partition(":")[2])
        self.people = {"caller": caller, "agent": agent, **targets}
        self.asides: list[str] = []
        self.conference_sid = ""
        self.transfer_id = ""
        self.begun_at = 0.0
        self.journal = ""
        """What happened, in a story that is not about a transfer."""
        self.workflow_id_of: Callable[[str], str] = transfer_workflow_id
        """Of a conference's SID: the workflow whose cost is the story's."""
        self.spent: list[HistoryEvent] = []
        """Histories of further workflows, whose cost is the story's as well."""
        self.outcome: Json = {}
        """How the story ended, if it is not about a transfer."""

    async def open(self) -> None:
        """The caller dials us and talks with the agent."""
        sid = await self.phones.call_us(self.people["caller"])
        self.conference_sid = await self.desk.live_call(sid)
        await self.phones.hears(self.people["caller"], self.people["agent"])

    async def transfer(
        self, kind: str, *parts: str, ring_seconds: float = 25.0, **policy: Any
    ) -> Json:
        """The agent begins a transfer to these people."""
        return await self.transfer_to(
            kind, *(self.people[part] for part in parts), ring_seconds=ring_seconds, **policy
        )

    async def transfer_to(
        self,
        kind: str,
        *addresses: str,
        ring_seconds: float = 25.0,
        accept: str = "none",
        **policy: Any,
    ) -> Json:
        """The agent begins a transfer to these addresses."""
        targets = [
            {"address": address, "ring_seconds": ring_seconds, "accept": accept}
            for address in addresses
        ]
        self.begun_at = time.time()
        policy = {"guard_seconds": GUARD_SECONDS, **policy}
        view = await self.desk.start(self.call, kind, targets, **policy)
        self.transfer_id = view["id"]
        return view

    @property
    def call(self) -> Json:
        """How the agent names the call."""
        return {"conference_sid": self.conference_sid}

    async def until(self, *states: str) -> Json:
        """Wait for a state of the transfer."""
        return await self.desk.until(self.transfer_id, *states)

    async def press(self, verb: str) -> Json:
        """The agent presses a button."""
        return await self.desk.press(self.transfer_id, verb)

    async def answers(self, part: str) -> None:
        """Somebody's phone rings, and is picked up."""
        await self.phones.answer(self.people[part])

    async def rings(self, part: str) -> None:
        """Wait until somebody's phone rings."""
        await self.phones.ringing(self.people[part])

    async def hangs_up(self, part: str) -> None:
        """Somebody puts the receiver down."""
        await self.phones.hang_up(self.people[part])

    async def over(self) -> Json:
        """Wait for the end of the transfer."""
        return await self.desk.over(self.transfer_id)

    async def everybody_goes(self) -> None:
        """The curtain: the caller hangs up, if still there, and then nobody may have a call."""
        legs = await self.phones.live_legs()
        if self.people["caller"] in legs:
            await self.hangs_up("caller")
        await self.phones.idle(*self.people.values())

    # --- what can be said of it ---

    async def told(self, name: str, title: str, ending: Ending | None = None) -> Told:
        """What was seen so far, held against how it should have ended."""
        told = Told(name, title, dict(self.people), asides=list(self.asides), journal=self.journal)
        told.outcome = self.outcome
        told.conference_sid = self.conference_sid
        if not self.begun_at:
            return told
        told.seconds = time.time() - self.begun_at
        if self.transfer_id:
            told.view = await self.desk.read(self.transfer_id)
            told.seconds = (told.view["ended_at"] or time.time()) - told.view["started_at"]
        if ending is not None:
            await self._settled(ending)
        parts = {address: part for part, address in self.people.items()}
        entries = await self.phones.ledger(self.conference_sid)
        hearing = Hearing(entries)
        told.together = sorted(
            _pair(parts.get(each, each) for each in pair)
            for pair in await self.phones.pairs(self.conference_sid)
        )
        told.up = [part for part in self.people for _ in range(await self._calls(part))]
        told.talked = self._talked(hearing)
        sids = call_sids(entries) | {self.conference_sid} | self.further_sids(told.view)
        history = await self._history(is_over=bool(told.view) and told.view["is_over"])
        told.requests = len(await self._requests(sids, history))
        told.events, told.actions = len(history), actions_of(history).total()
        if ending is not None:
            told.problems = differences(told, ending)
        if ending is not None and told.view:
            told.problems += self._privacy(hearing, told.view)
        return told

    def further_sids(self, view: Json) -> set[str]:
        """What else of Twilio's belongs to this call, besides the room and its legs."""
        return set()

    async def _requests(self, sids: set[str], history: list[HistoryEvent]) -> list[Json]:
        """What the transfer asked Twilio, from the click to its end."""
        is_over = history[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
        ended_at = history[-1].event_time.ToNanoseconds() / 1e9 if is_over else math.inf
        return await self.phones.requests_about(
            sids, self.begun_at, ended_at, or_nobody=self.is_alone
        )

    async def _settled(self, ending: Ending) -> None:
        """Legs that were let go need a moment to hang up."""

        async def look() -> bool | None:
            up = [part for part in self.people if await self._calls(part)]
            return True if sorted(up) == sorted(ending.up) else None

        try:
            await until(look, "the last leg to end", 3.0)
        except NeverSeenError:
            return

    async def _calls(self, part: str) -> int:
        """How many legs of this call somebody's phone has."""
        calls = (await self.phones.phone(self.people[part]))["calls"]
        return len(calls) if part != "agent" else sum(self._is_ours(call) for call in calls)

    def _is_ours(self, call: Json) -> bool:
        return call["conference_sid"] in (self.conference_sid, None)

    def _talked(self, hearing: Hearing) -> dict[Pair, float]:
        """For how long each pair talked since the transfer began."""
        names = list(self.people)
        now = time.time()
        pairs = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :]]
        return {
            pair: seconds for pair in pairs if (seconds := self._seconds(hearing, pair, now)) > 0
        }

    def _seconds(self, hearing: Hearing, pair: Pair, now: float) -> float:
        spans = hearing.talks(*(self.people[part] for part in pair))
        return sum(
            min(span.ends, now) - max(span.begins, self.begun_at)
            for span in spans
            if span.ends > self.begun_at
        )

    def _privacy(self, hearing: Hearing, view: Json) -> list[str]:
        """The caller hears nothing of the consult, and nobody in it hears the caller."""
        caller = self.people["caller"]
        return [
            f"the caller was not apart during the consult from {span.begins - self.begun_at:.2f} s"
            for span in windows(view, State.CONSULTING.value)
            if not hearing.was_private(caller, span)
        ]

    async def _history(self, is_over: bool) -> list[HistoryEvent]:
        client = await self.stack.temporal()
        handle = client.get_workflow_handle(self.workflow_id_of(self.conference_sid))
        if is_over and self.workflow_id_of is transfer_workflow_id:
            # The answer says so a moment before the workflow is closed.
            with suppress(WorkflowFailureError):
                await handle.result()
        return [*self.spent, *[event async for event in handle.fetch_history_events()]]


def entries_of(view: Json) -> list[Entry]:
    """The journal of an answer of the API, in the machine's own words."""
    return [
        Entry(
            **each
            | {
                "state_from": State(each["state_from"]),
                "state_to": State(each["state_to"]),
                "began": tuple(each["began"]),
            }
        )
        for each in view["journal"]
    ]


def _pair(names: Iterable[str]) -> Pair:
    order = ("caller", "agent", "target")
    one, other = sorted(names, key=lambda name: (order.index(name) if name in order else 9, name))
    return one, other


def differences(told: Told, ending: Ending) -> list[str]:
    """Each point in which a story did not end as it should have."""
    found = []
    if told.view and (told.view["state"], told.view["reason"]) != (ending.state, ending.reason):
        found.append(
            f"it ended as {told.view['state']} ({told.view['reason']}), "
            f"not as {ending.state} ({ending.reason})"
        )
    if sorted(told.together) != sorted(_pair(pair) for pair in ending.together):
        found.append(f"at the end talk {told.together}, not {list(ending.together)}")
    if sorted(told.up) != sorted(ending.up):
        found.append(f"calls are up at {told.up}, not at {list(ending.up)}")
    found += [
        f"{one} and {other} never talked"
        for one, other in ending.talked
        if _pair((one, other)) not in {_pair(pair) for pair in told.talked}
    ]
    found += [
        f"{one} and {other} talked"
        for one, other in ending.never_talked
        if _pair((one, other)) in {_pair(pair) for pair in told.talked}
    ]
    return found
