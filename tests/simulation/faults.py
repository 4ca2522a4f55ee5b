"""What goes wrong, and when: plain values, so that a story can be printed, repeated and shrunk.

A moment is named by what is seen from outside: the k-th request of a kind at Twilio, the k-th
callback of a kind, a state that the transfer enters, or seconds since the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

REQUEST_FAULTS = (
    "429", "500", "500_after", "503", "timeout_before", "timeout_after", "reset_before",
    "reset_after", "unreachable", "slow", "late",
)  # fmt: skip
"""What a REST request may meet. `late`: no answer, and it takes effect only after `seconds`."""
CALLBACK_FAULTS = ("lose", "double", "delay")
PROCESS_FAULTS = ("worker_crash", "api_crash", "server_crash", "twilio_down", "cut_off")
"""`cut_off`: no callback reaches us for `seconds`. `twilio_down`: no request reaches Twilio."""


@dataclass(frozen=True)
class Request:
    """When the k-th REST request arrives whose operation fits, `participants.create` or `*`."""

    route: str = "*"
    k: int = 1
    plus: float = 0.0

    def __str__(self) -> str:
        return f"at request {self.k} of {self.route}" + _plus(self.plus)


@dataclass(frozen=True)
class Told:
    """When the k-th callback is sent whose event fits, `participant-leave` or `*`."""

    event: str = "*"
    k: int = 1
    plus: float = 0.0

    def __str__(self) -> str:
        return f"at callback {self.k} of {self.event}" + _plus(self.plus)


@dataclass(frozen=True)
class Entered:
    """When the transfer enters a state for the k-th time, as its own journal says."""

    state: str
    k: int = 1
    plus: float = 0.0

    def __str__(self) -> str:
        return f"in {self.state}" + (f" ({self.k})" if self.k > 1 else "") + _plus(self.plus)


@dataclass(frozen=True)
class Rings:
    """When somebody's phone rings for the k-th time."""

    who: str
    k: int = 1
    plus: float = 0.0

    def __str__(self) -> str:
        return f"when {self.who} rings" + _plus(self.plus)


@dataclass(frozen=True)
class After:
    """So many seconds after the first transfer was asked for."""

    seconds: float

    def __str__(self) -> str:
        return f"after {self.seconds:.2f} s"


Moment = Request | Told | Entered | Rings | After


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    at: Moment
    kind: str
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind in REQUEST_FAULTS and not isinstance(self.at, Request):
            raise ValueError(f"{self.kind} strikes a request: at=Request(…)")
        if self.kind in CALLBACK_FAULTS and not isinstance(self.at, Told):
            raise ValueError(f"{self.kind} strikes a callback: at=Told(…)")
        if self.kind not in (*REQUEST_FAULTS, *CALLBACK_FAULTS, *PROCESS_FAULTS):
            raise ValueError(f"there is no fault {self.kind}")

    def __str__(self) -> str:
        return (
            f"{self.kind}" + (f" for {self.seconds:.2f} s" if self.seconds else "") + f" {self.at}"
        )


Verb = Literal[
    "hang_up", "answer", "reject", "press", "complete", "cancel", "swap", "join", "drop-target",
    "start", "start_again", "accept_offer", "reject_offer", "operator_cancel", "terminate",
    "pause_recording", "resume_recording", "hold", "resume",
    "supervise", "monitor", "whisper", "barge", "take_over", "leave",
    "ask_help", "withdraw_help",
]  # fmt: skip


@dataclass(frozen=True)
class Act:
    """One thing that a person does."""

    at: Moment
    who: str
    verb: Verb
    detail: str = ""
    times: int = 1
    """Twice in the same moment is a double click."""

    def __str__(self) -> str:
        more = f" {self.detail}" if self.detail else ""
        twice = f" ×{self.times}" if self.times > 1 else ""
        return f"{self.who}: {self.verb}{more}{twice} {self.at}"


class Counter:
    """Counts what was seen, for each pattern that somebody waits for."""

    def __init__(self, wanted: list[tuple[str, int]]) -> None:
        self._seen: dict[str, int] = {pattern: 0 for pattern, _ in wanted}

    def saw(self, name: str) -> list[tuple[str, int]]:
        """The patterns that fit, each with how often it has by now."""
        found = []
        for pattern in self._seen:
            if fnmatchcase(name, pattern):
                self._seen[pattern] += 1
                found.append((pattern, self._seen[pattern]))
        return found


def _plus(seconds: float) -> str:
    return f" and {seconds:.2f} s" if seconds else ""
