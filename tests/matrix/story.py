"""What is played and what is seen of it: plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.core.phones import Behavior
from tests.matrix.moments import Deed
from tests.simulation import play
from tests.simulation.edge import Answer
from tests.simulation.stage import Mode


@dataclass(frozen=True)
class Story:
    """Everything that the play of a cell depends on."""

    name: str
    kind: str
    targets: tuple[tuple[str, dict[str, Any]], ...] = (("target", {}),)
    mode: Mode = "direct"
    phones: tuple[tuple[str, tuple[Behavior, ...]], ...] = ()
    policy: tuple[tuple[str, Any], ...] = ()
    deeds: tuple[Deed, ...] = ()
    guarded: bool = False
    """Whether the guardian is at work."""
    flagged: bool = True
    """Whether the agent's leg ends the room when it leaves, as in rooms that others have set up."""
    voice: str = "monitor"
    """In which mode a supervisor joins."""
    asks: tuple[tuple[str, Any], ...] = ()
    """What else a supervisor asks for when joining."""
    guests: tuple[str, ...] = ()
    """Who else has been brought into the call, by another application."""
    switches: tuple[tuple[str, Any], ...] = ()
    """What Twilio does where nobody has written it down."""
    seed: int = 0

    @property
    def owner(self) -> str:
        """The first part of the id of the workflow that the story is about."""
        return {"hold": "hold", "supervise": "supervision"}.get(self.kind, "transfer")

    @property
    def starter(self) -> str:
        """Who asks for it."""
        return "supervisor" if self.kind == "supervise" else "agent"

    @property
    def callee(self) -> str:
        """Whose phone rings because of it."""
        return "supervisor" if self.kind == "supervise" else "target"

    def but(self, *deeds: Deed, **phones: tuple[Behavior, ...]) -> Story:
        """The same with more that happens, and with other phones."""
        own = tuple((who, phones.get(who, kinds)) for who, kinds in self.phones)
        return replace(self, deeds=(*self.deeds, *deeds), phones=own)

    def for_checker(self) -> play.Story:
        """What the simulation's checker has to know of it."""
        return play.Story(
            self.name, self.kind, self.targets, mode=self.mode, policy=self.policy, seed=self.seed,
            has_guardian=False,  # the bounds of a day without it
        )  # fmt: skip

    def lines(self) -> list[str]:
        """The story in words."""
        to = ", ".join(f"{who} {more or ''}".strip() for who, more in self.targets)
        first = f"{self.name}: {self.kind} to {to} ({self.mode}) {dict(self.policy) or ''}"
        phones = [f"  {who}'s phone: {[each.kind for each in own]}" for who, own in self.phones]
        return [first, *phones, *(f"  {deed}" for deed in self.deeds)]


@dataclass(frozen=True)
class Asking:
    """One request that reached Twilio, and what it met there."""

    at: float
    route: str
    path: str
    form: dict[str, str]
    state: str
    met: str = ""


@dataclass(frozen=True)
class Said:
    """What the api answered to whom."""

    at: float
    who: str
    verb: str
    key: str
    answer: Answer


@dataclass
class Seen:
    """What could be seen of a story. People are called as in the simulation's `PEOPLE`."""

    requests: list[Asking] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    rung: dict[str, int] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    view: dict[str, Any] = field(default_factory=dict)
    together: set[str] = field(default_factory=set)
    """Who heard each other when all had come to rest: `agent caller`."""
    ever: set[str] = field(default_factory=set)
    """Who heard each other at some time after the beginning."""
    live: list[str] = field(default_factory=list)
    """Whose legs were up then; twice if somebody had two."""
    held: set[str] = field(default_factory=set)
    flagged: set[str] = field(default_factory=set)
    hears: dict[str, str] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    """Who was heard by whom at some time after the beginning: `supervisor by agent`."""
    effects: Counter[str] = field(default_factory=Counter)
    """Requests that took effect, by operation."""
    audio: list[str] = field(default_factory=list)
    """What the caller heard besides people."""
    struck: list[Deed] = field(default_factory=list)
    """What did happen; a fault that never found its moment proves nothing."""
    knocks: list[tuple[str, int]] = field(default_factory=list)
    """What stood at the door without a right to, and how it was answered."""
    tries: int = 0
    """Requests that were sent while Twilio was away."""
    replays: int = 0
    callbacks: int = 0
    """How many callbacks were lost, doubled or late."""
    began_at: float = 0.0
    struck_at: float = 0.0
    ended_at: float = 0.0
    ladder: list[str] = field(default_factory=list)
