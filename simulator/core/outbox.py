"""What the network wants from the world outside: HTTP requests, as objects.

The network never sends anything. It puts a `Fetch` into its outbox and goes on; whoever drives it
delivers the request (or plays the application itself) and calls `reply` with the outcome.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["twiml", "callback"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of one request. Status 0 means that no answer came, and `error` says why."""

    status: int
    body: str = ""
    content_type: str = "text/xml"
    error: str = ""

    @property
    def connected(self) -> bool:
        return self.status != 0

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def ignore_reply(_: Reply) -> None:
    """For those who do not wait for an answer."""


@dataclass(slots=True, eq=False)
class Fetch:
    """One request to the application.

    `kind` twiml: the answer is a document to run. `kind` callback: only the status matters.
    `token` stays the same when the same event is sent again, as Twilio's idempotency header does.
    `event` is what it tells (`participant-join`, `ringing`, `voice`); faults are aimed by it.
    """

    kind: Kind
    event: str
    url: str
    method: str
    params: dict[str, str]
    token: str
    at: float
    reply: Callable[[Reply], None] = field(default=ignore_reply, repr=False)
    call_sid: str | None = None
    conference_sid: str | None = None
