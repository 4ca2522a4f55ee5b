"""A room by Twilio's rules, and nothing else: who is in it, and who hears whom.

Independent of the engine and of the simulator. A request that changes several fields is taken to
change them in any order: each order's steps are shown, so that a claim can be checked in the gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

COACHEE_HELD, COACHEE_ABSENT, GONE = 16027, 16028, 20404
"""Error codes: https://www.twilio.com/docs/api/errors"""

CALLER, AGENT, BOB = "caller", "agent", "bob"


@dataclass(frozen=True)
class Leg:
    """One leg; `name` stands for its call SID."""

    name: str
    label: str = ""
    is_here: bool = True
    """Connected; else its phone rings."""
    muted: bool = False
    held: bool = False
    coach: str = ""
    """Whom it speaks to alone; empty: it does not coach."""


@dataclass(frozen=True)
class Room:
    """Whoever is in it. `then` is what becomes of a coach whose coached leg leaves."""

    legs: tuple[Leg, ...] = ()
    then: str = "becomes_audible"
    is_over: bool = False

    def leg(self, name: str) -> Leg | None:
        return next((leg for leg in self.legs if leg.name == name), None)

    def having(self, changed: Leg) -> Room:
        return replace(
            self, legs=tuple(changed if leg.name == changed.name else leg for leg in self.legs)
        )

    def entered(self, leg: Leg) -> Room:
        return replace(self, legs=(*self.legs, leg))

    def left(self, name: str) -> Room:
        """Without a leg; its coaches do what nobody has written down."""
        stay = [self._freed(leg, name) for leg in self.legs if leg.name != name]
        return replace(self, legs=tuple(stay))

    def _freed(self, leg: Leg, name: str) -> Leg:
        if leg.coach != name or self.then == "stays_coaching":
            return leg
        return replace(leg, coach="", muted=leg.muted or self.then == "becomes_muted")

    def ended(self) -> Room:
        return replace(self, legs=(), is_over=True)

    def hears(self, listener: str, speaker: str) -> bool:
        """Whether `listener` hears `speaker`."""
        to, by = self.leg(listener), self.leg(speaker)
        if to is None or by is None or to is by or not (to.is_here and by.is_here):
            return False
        return not (by.muted or by.held or to.held) and by.coach in ("", listener)

    def audience(self, speaker: str) -> frozenset[str]:
        """Whoever hears `speaker`."""
        return frozenset(leg.name for leg in self.legs if self.hears(leg.name, speaker))

    def post(self, name: str, change: dict[str, Any]) -> tuple[int, tuple[Room, ...]]:
        """A change of one participant: an error code, or 0 and each room on the way, in every
        order of the fields; the last one is the result."""
        leg = self.leg(name)
        if leg is None:
            return GONE, ()
        if change.get("coaching"):
            listener = self.leg(change["call_sid_to_coach"])
            if listener is None or not listener.is_here:
                return COACHEE_ABSENT, ()
            if listener.held:
                return COACHEE_HELD, ()
        return 0, tuple(self._ways(leg, change))

    def _ways(self, leg: Leg, change: dict[str, Any]) -> Iterator[Room]:
        wishes = {key: value for key, value in change.items() if key != "call_sid_to_coach"}
        for order in permutations(wishes):
            now = leg
            for key in order:
                if key == "coaching":
                    aim = change["call_sid_to_coach"] if change["coaching"] else ""
                    now = replace(now, coach=aim)
                else:
                    now = replace(now, **{{"muted": "muted", "hold": "held"}[key]: change[key]})
                yield self.having(now)
