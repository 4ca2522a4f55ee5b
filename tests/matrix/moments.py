"""When something happens in a cell, and what: plain values, so that a failing cell can be printed.

The simulation draws its moments by chance. A cell means one request out of several that look alike,
the instant before or after it takes effect, or everything that Twilio tells for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

REQUEST_FAULTS = frozenset(
    {
        "429", "500", "503", "timeout_before", "timeout_after", "reset_before", "reset_after",
        "unreachable", "404", "blocked",
    }
)  # fmt: skip
"""What a request to Twilio meets. `404`: the participant is not found. `blocked`: refused to dial.
"""
WEATHER = frozenset({"lost", "doubled", "late", "shuffled"})
"""What becomes of every callback that Twilio sends in the next `seconds`."""
OUTAGES = frozenset(
    {"worker_crash", "api_crash", "server_crash", "partition", "twilio_down", "deployment"}
)
"""Processes, and the ways between them. `partition`: worker and Temporal. `deployment`: every
workflow is made again from its history by a new worker."""
PHONES = frozenset({"hang_up", "vanish", "reject", "busy", "fail", "answer", "accept", "decline"})
"""What people and their phones do. `vanish`: hang up, and Twilio's callbacks about it are lost.
`accept` and `decline` are a worker's answers to TaskRouter's offer."""
BUTTONS = frozenset(
    {
        "complete",
        "cancel",
        "resume",
        "monitor",
        "whisper",
        "barge",
        "take_over",
        "leave",
        "swap",
        "join",
        "drop-target",
        "start",
        "start_again",
        "forge",
        "poison",
        "misuse",
    }
)
"""Requests to the api. `start_again` has the first start's key, `start` another one."""


@dataclass(frozen=True)
class Asked:
    """The k-th REST request whose operation and parameter fit arrives at Twilio.

    `where` is one parameter, `Hold=true`; `state`: only requests made in it are counted. A request
    fault strikes so many `times` from then on. `is_before`: others happen before it takes effect.
    """

    route: str
    where: str = ""
    state: str = ""
    k: int = 1
    times: int = 1
    is_before: bool = False
    plus: float = 0.001

    def fits(self, route: str, form: dict[str, str], state: str) -> bool:
        """Whether a request is of the kind that is meant."""
        name, _, value = self.where.partition("=")
        return (
            fnmatchcase(route, self.route)
            and (not self.state or fnmatchcase(state, self.state))
            and (not name or form.get(name, "").lower().endswith(value.lower()))
        )

    def __str__(self) -> str:
        words = ("before" if self.is_before else "at", f"request {self.k} of {self.route}")
        return " ".join((*words, self.where, f"in {self.state}" if self.state else "")).strip()


@dataclass(frozen=True)
class Enters:
    """The owner of the call enters a state for the k-th time."""

    state: str
    plus: float = 0.001
    k: int = 1

    def __str__(self) -> str:
        return f"{self.plus:.3f} s into {self.state}"


@dataclass(frozen=True)
class Rings:
    """Somebody's phone rings, for the k-th time since the beginning."""

    who: str
    plus: float = 0.001
    k: int = 1

    def __str__(self) -> str:
        return f"{self.plus:.3f} s after {self.who}'s phone rings"


@dataclass(frozen=True)
class Begins:
    """The first request of the story is about to be sent. Negative: so long before it."""

    plus: float = 0.0

    def __str__(self) -> str:
        return f"{self.plus:.3f} s after the beginning"


Moment = Asked | Enters | Rings | Begins


@dataclass(frozen=True)
class Deed:
    """One thing that happens."""

    at: Moment
    what: str
    who: str = ""
    seconds: float = 0.0
    detail: str = ""

    def __post_init__(self) -> None:
        known = REQUEST_FAULTS | WEATHER | OUTAGES | PHONES | BUTTONS | {"skew", "room_ended"}
        if self.what not in known:
            raise ValueError(f"nothing is called {self.what}")
        if self.what in REQUEST_FAULTS and not isinstance(self.at, Asked):
            raise ValueError(f"{self.what} strikes a request: at=Asked(…)")

    def __str__(self) -> str:
        words = (self.who and f"{self.who}:", self.what, self.detail)
        length = f"for {self.seconds:.1f} s" if self.seconds else ""
        return " ".join(word for word in (*words, length, str(self.at)) if word)
