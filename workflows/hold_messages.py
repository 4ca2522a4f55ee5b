"""What crosses the boundary of a hold, and of what else is done to a call without moving anybody.

Frozen dataclasses of plain values, as in `messages.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workflows.machine.model import Entry, Policy
from workflows.messages import PersonView


@dataclass(frozen=True)
class StartHoldInput:
    """What an agent's hold of a caller is started with."""

    part: str
    conference_sid: str
    agent_address: str
    accepted_at: float
    policy: Policy = field(default_factory=Policy)
    agent_call_sid: str = ""
    """Empty: found by reading the room."""
    caller_call_sid: str = ""
    """Empty: found by reading the room."""
    caller_address: str = ""
    """For whoever is shown the hold; the engine never dials it. Empty: not known."""


@dataclass(frozen=True)
class HoldView:
    """An agent's hold of a caller as a reader is shown it. Durations in seconds."""

    id: str
    state: str
    conference_sid: str
    since: float
    started_at: float
    at: float = 0.0
    """The moment that this shows."""
    is_held: bool = False
    """Whether the caller is on hold, as it was read back from Twilio last."""
    step: int = 0
    is_over: bool = False
    reason: str = ""
    decided_by: str = ""
    hold_seconds: float = 0.0
    """Seconds on hold, those going on included."""
    limit_at: float | None = None
    """When the hold will have lasted as long as its policy allows; None while nobody is held."""
    at_limit: str = ""
    """What happens then: `resume` or `recover`."""
    is_reminded: bool = False
    """Whether the agent has been told that the hold will soon be too long."""
    deadline_at: float | None = None
    """When the next step is taken at the latest, if nobody acts."""
    allowed: tuple[str, ...] = ()
    """Verbs of the API that make sense now."""
    waits_for: str = ""
    """What has to happen next, in words."""
    people: tuple[PersonView, ...] = ()
    agent_address: str = ""
    """Who holds the caller, and may take them back."""
    journal: tuple[Entry, ...] = ()
    """Empty in the memo, where each entry has a field of its own."""


@dataclass(frozen=True)
class MuteOrder:
    """Which leg is to be heard, or not."""

    conference_sid: str
    call_sid: str
    muted: bool


@dataclass(frozen=True)
class AnnounceOrder:
    """What is spoken, and to whom. The text travels in payloads only."""

    conference_sid: str
    part: str
    """A hash of who asked and the request's key: the announcement's own id."""
    text: str
    to: str = "all"
    """A party, or `all`."""
    call_sid: str = ""
    """The party's leg; empty for all."""


@dataclass(frozen=True)
class ControlView:
    """What became of a mute, an un-mute or an announcement."""

    is_done: bool
    """Read back for a mute; for an announcement: accepted by Twilio."""
    reason: str = ""
    """`gone`, `refused` or `unavailable` if it was not done."""
