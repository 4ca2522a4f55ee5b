"""The whole history of the network, with times. Privacy is asserted on it.

One entry per change: calls' states, rooms' lives, joins and leaves, flags, who began or ceased to
hear whom, what a leg heard otherwise, what was said to it, which digits it sent.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator.core.text import iso8601


@dataclass(frozen=True, slots=True)
class Entry:
    """`what` by kind: hearing (begins, ends), audio (music, …), call (its status), …"""

    seq: int
    at: float
    kind: str
    what: str
    call_sid: str | None
    conference_sid: str | None
    detail: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": self.at,
            "time": iso8601(self.at),
            "kind": self.kind,
            "what": self.what,
            "call_sid": self.call_sid,
            "conference_sid": self.conference_sid,
            **self.detail,
        }

    def concerns(self, call_sid: str) -> bool:
        detail = self.detail
        return call_sid in (self.call_sid, detail.get("speaker"), detail.get("listener"))


class Ledger:
    """Entries in order. Only the newest `limit` are kept, so that a long run cannot fill memory."""

    def __init__(self, limit: int | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self.seq = 0
        self.listeners: list[Callable[[Entry], None]] = []

    def write(
        self,
        at: float,
        kind: str,
        what: str,
        *,
        call_sid: str | None = None,
        conference_sid: str | None = None,
        **detail: Any,
    ) -> None:
        self.seq += 1
        entry = Entry(self.seq, at, kind, what, call_sid, conference_sid, detail)
        self._entries.append(entry)
        for listener in self.listeners:
            listener(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def select(
        self,
        *,
        call_sid: str | None = None,
        conference_sid: str | None = None,
        kind: str | None = None,
        since: int = 0,
    ) -> list[Entry]:
        """Entries with a sequence number above `since` that fit every filter given."""
        return [
            entry
            for entry in self._entries
            if entry.seq > since
            and (call_sid is None or entry.concerns(call_sid))
            and (conference_sid is None or entry.conference_sid == conference_sid)
            and (kind is None or entry.kind == kind)
        ]
