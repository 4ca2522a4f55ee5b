"""What is true, read from the simulated network, and what the engine says, read as JSON.

Nothing here imports the engine: only the simulator's state, its log of requests, and the memos and
answers as anybody would get them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from simulator.core.model import Call, Conference, Participant
from tests.simulation.payloads import parsed

LABEL = re.compile(r"/twilio/(?:status|amd)/\w+/CF[0-9a-f]{32}/([^/?#]+)")
OURS = re.compile(r"^[0-9a-f]{16}-[trv]\d+s?$")
SUPERVISOR = re.compile(r"^[0-9a-f]{16}-v\d+$")


@dataclass
class Leg:
    """One leg as it was when it was last looked at."""

    call: Call
    address: str
    label: str
    is_caller: bool
    is_live: bool = True
    is_joined: bool = False
    is_held: bool = False
    held_at: float | None = None
    """Since when, while it is held."""
    held_before: float = 0.0
    """Seconds of all holds that are over."""
    joined_at: float | None = None
    left_at: float | None = None
    """When it was seen to be out of the room it had been in."""
    room: Conference | None = None
    exit_flag: bool = False
    is_ours: bool = False
    """Whether the engine dialled it, as its label says."""
    is_supervisor: bool = False
    """Whether somebody came by this leg to supervise the call."""

    def is_called(self, label: str) -> None:
        """Its label has become known."""
        self.label, self.is_ours = label, bool(OURS.match(label))
        self.is_supervisor = bool(SUPERVISOR.match(label))

    def held_seconds(self, now: float) -> float:
        """How long it has been on hold, all in all."""
        return self.held_before + (0.0 if self.held_at is None else now - self.held_at)

    def listeners(self) -> set[str]:
        """The call SIDs of those who hear whoever is on this leg."""
        if not self.is_joined or self.room is None:
            return set()
        return {heard_by for speaker, heard_by in self.room.pairs if speaker == self.call.sid}


class Truth:
    """The network as one call sees it."""

    def __init__(self, network: Any, caller: str) -> None:
        self._network = network
        self._caller = caller
        self.legs: dict[str, Leg] = {}
        self.talks: frozenset[tuple[str, str]] = frozenset()
        """Pairs that hear each other, both ways, by SID."""
        self.ever_talked: dict[frozenset[str], list[tuple[float, float | None]]] = {}
        """Who ever talked, by SID: from when until when, each time."""
        self.caller_sid = ""

    @property
    def caller(self) -> Leg | None:
        return self.legs.get(self.caller_sid)

    def look(self, now: float) -> None:
        """Take it all in."""
        network = self._network
        for sid, call in network.calls_by_sid.items():
            leg = self.legs.get(sid)
            if leg is None:
                leg = self._new(call)
            elif not leg.is_live:
                continue
            self._see(leg, now)
        pairs: set[tuple[str, str]] = set()
        for room in network.live_rooms.values():
            pairs |= {pair for pair in room.pairs if (pair[1], pair[0]) in room.pairs}
        if pairs == self.talks:
            return
        before, self.talks = self.talks, frozenset(pairs)
        for one, other in before - self.talks:
            if one < other:
                talk = self.ever_talked[frozenset((one, other))]
                talk[-1] = (talk[-1][0], now)
        for one, other in self.talks - before:
            if one < other:
                self.ever_talked.setdefault(frozenset((one, other)), []).append((now, None))

    def _new(self, call: Call) -> Leg:
        is_caller = call.direction == "inbound" and call.phone == self._caller
        leg = Leg(call, call.phone, "", is_caller)
        leg.is_called(_label(call))
        self.legs[call.sid] = leg
        if is_caller:
            self.caller_sid = call.sid
        return leg

    def _see(self, leg: Leg, now: float) -> None:
        call = leg.call
        leg.is_live = call.live
        place: Participant | None = call.participant
        is_joined = place is not None and place.joined and not place.left and call.live
        if is_joined and place is not None:
            if not leg.is_joined:
                leg.joined_at = now
            leg.room, leg.is_held = place.conference, place.hold
            leg.exit_flag = place.end_on_exit_in_force
            if place.label and not leg.label:
                leg.is_called(place.label)
        elif leg.is_joined:
            leg.left_at = now
        leg.is_joined = is_joined
        if not is_joined:
            leg.is_held = False
        if leg.is_held and leg.held_at is None:
            leg.held_at = now
        elif not leg.is_held and leg.held_at is not None:
            leg.held_before, leg.held_at = leg.held_seconds(now), None

    def who_talked(self) -> set[str]:
        """Pairs that ever heard each other, by the addresses of their phones."""
        return {
            " ".join(sorted(self.legs[sid].address for sid in pair)) for pair in self.ever_talked
        }

    def talking_to_caller(self, leg: Leg) -> bool:
        return (leg.call.sid, self.caller_sid) in self.talks

    def caller_talks(self) -> bool:
        """Whether the caller talks with anybody."""
        return any(self.caller_sid in pair for pair in self.talks)

    def is_attended(self) -> bool:
        """Whether the caller, who is live, hears somebody, or something that was meant for them."""
        leg = self.caller
        if leg is None or self.caller_talks():
            return True
        call = leg.call
        if call.member is not None or not call.answered:
            return True
        if not leg.is_joined:
            return call.script is not None
        return call.hears not in ("silence", "nothing")

    def ours(self) -> list[Leg]:
        """The engine's own legs that live."""
        return [leg for leg in self.legs.values() if leg.is_live and leg.is_ours]


def read(payload: Any) -> Any:
    """A payload's JSON."""
    return parsed(payload.data)


def _label(call: Call) -> str:
    place = call.participant
    if place is not None and place.label:
        return place.label
    for url in (call.progress.url if call.progress else "", call.document.url):
        found = LABEL.search(url or "")
        if found:
            return found.group(1)
    return ""
