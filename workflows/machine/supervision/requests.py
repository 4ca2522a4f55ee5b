"""What people ask for. Frozen, of plain values, because they cross Temporal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from workflows.machine.supervision.model import Mode, SupervisorPolicy


@dataclass(frozen=True)
class JoinRequested:
    """A supervisor wants to be on the call. `part` are 16 hexadecimal digits made of the asker and
    the Idempotency-Key; `ring_seconds` is 5 to 120."""

    part: str
    address: str
    mode: Mode
    by: str
    fingerprint: str = ""
    policy: SupervisorPolicy = field(default_factory=SupervisorPolicy)
    ring_seconds: float = 25.0
    detect_machine: bool = False
    """Whether a machine that picks up is told apart, and hung up on."""
    takes_help: bool = False
    """Whether this answers the agent's cry for help: refused when somebody else has."""
    at: float = 0.0
    kind: Literal["join_requested"] = "join_requested"


@dataclass(frozen=True)
class ModeRequested:
    """A supervisor's mode is to change, or the supervisor to leave: a verb of the API."""

    label: str
    verb: str
    by: str
    task_sid: str = ""
    """For a take-over: the agent's own task."""
    agent_call_sid: str = ""
    """The agent whom the asker means to be heard by, or to release, if known."""
    caller_call_sid: str = ""
    has_taskrouter: bool = False
    """For a take-over: whether TaskRouter is to know who is the agent then."""
    at: float = 0.0
    kind: Literal["mode_requested"] = "mode_requested"


@dataclass(frozen=True)
class HelpRequested:
    """The agent asks for a supervisor."""

    address: str
    by: str
    at: float = 0.0
    kind: Literal["help_requested"] = "help_requested"


@dataclass(frozen=True)
class HelpWithdrawn:
    """The agent does not need help any more."""

    by: str
    at: float = 0.0
    kind: Literal["help_withdrawn"] = "help_withdrawn"


@dataclass(frozen=True)
class EverybodyLeaves:
    """An operator ends the supervision."""

    by: str = "operator"
    at: float = 0.0
    kind: Literal["everybody_leaves"] = "everybody_leaves"


Request = JoinRequested | ModeRequested | HelpRequested | HelpWithdrawn | EverybodyLeaves
