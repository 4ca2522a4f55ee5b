"""What the network says about a story, whatever the engine believes of it.

The simulator's ledger tells who heard whom and when; everything here is computed from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.e2e.telephones import Json

FOREVER = float("inf")


@dataclass(frozen=True)
class Span:
    """A stretch of time."""

    begins: float
    ends: float

    def overlap(self, other: Span) -> Span | None:
        """What both have in common, if it lasts."""
        begins, ends = max(self.begins, other.begins), min(self.ends, other.ends)
        return Span(begins, ends) if begins < ends else None

    def seconds(self, now: float) -> float:
        """How long it lasts; one that goes on lasts until now."""
        return min(self.ends, now) - self.begins


class Hearing:
    """Who heard whom in one room, from its ledger."""

    def __init__(self, entries: Iterable[Json]) -> None:
        self._heard: dict[tuple[str, str], list[Span]] = defaultdict(list)
        begun: dict[tuple[str, str], tuple[float, tuple[str, str]]] = {}
        for entry in entries:
            if entry["kind"] != "hearing":
                continue
            legs = (entry["speaker"], entry["listener"])
            way = (entry["speaker_address"], entry["listener_address"])
            if entry["what"] == "begins":
                begun[legs] = (entry["at"], way)
            elif legs in begun:
                self._heard[way].append(Span(begun.pop(legs)[0], entry["at"]))
        for at, way in begun.values():
            self._heard[way].append(Span(at, FOREVER))

    def heard(self, listener: str, speaker: str | None = None) -> list[Span]:
        """When somebody heard a person, or anybody at all."""
        return sorted(
            (
                span
                for (said_by, heard_by), spans in self._heard.items()
                if heard_by == listener and speaker in (None, said_by)
                for span in spans
            ),
            key=lambda span: span.begins,
        )

    def talks(self, one: str, other: str) -> list[Span]:
        """When two people heard each other."""
        return _common(self.heard(one, other), self.heard(other, one))

    def seconds(self, one: str, other: str, now: float) -> float:
        """For how long two people talked."""
        return sum(span.seconds(now) for span in self.talks(one, other))

    def was_private(self, listener: str, window: Span) -> bool:
        """Whether somebody neither heard nor was heard by anybody within a window."""
        mine = [
            span
            for way, spans in self._heard.items()
            if listener in way
            for span in spans
            if span.overlap(window)
        ]
        return not mine


def _common(ones: list[Span], others: list[Span]) -> list[Span]:
    pairs = ((one.overlap(other)) for one in ones for other in others)
    return [span for span in pairs if span is not None]


def windows(view: Json, state: str) -> list[Span]:
    """When a transfer was in a state, by its journal."""
    spans: list[Span] = []
    entered: float | None = None
    for entry in view["journal"]:
        if entry["state_to"] == state and entered is None:
            entered = entry["at"]
        elif entry["state_to"] != state and entered is not None:
            spans.append(Span(entered, entry["at"]))
            entered = None
    if entered is not None:
        spans.append(Span(entered, FOREVER))
    return spans


def call_sids(entries: Iterable[Json]) -> set[str]:
    """Every leg that was in a room or was dialled into it."""
    return {entry["call_sid"] for entry in entries if entry["call_sid"]}
