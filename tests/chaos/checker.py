"""What the network says about a bad day, whatever the engine believes of it.

Reads the simulator's ledger and request log, and what the API answered; knows nothing else of the
engine. Each check answers its findings as sentences; none is a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.e2e.evidence import Hearing
from tests.e2e.telephones import Json

CREATES = ("participants.create", "calls.create")
SILENT = frozenset({"silence", "nothing"})
MUSIC = frozenset({"hold music", "wait music"})
LIVE = frozenset({"queued", "initiated", "ringing", "in-progress"})


@dataclass(frozen=True)
class Bounds:
    """How long a caller may wait for what. Seconds. The guardian's arrival tightens them."""

    stranded: float = 5.0
    """A caller in a room with nobody to hear, and without music."""
    on_hold: float = 90.0
    """Music without a break, in stories in which nobody means to hold for longer."""
    cleaned: float = 10.0
    """Until no leg of ours is left, from the moment the caller has gone."""


@dataclass(frozen=True)
class Day:
    """All that is known of a day: the ledger in order, the requests in order."""

    entries: Sequence[Json]
    requests: Sequence[Json]
    callers: frozenset[str]
    """Addresses of the people who called us."""
    until: float
    """When the evidence was taken, seconds since the epoch."""

    @property
    def caller_sids(self) -> frozenset[str]:
        """The legs of callers."""
        return frozenset(
            each["call_sid"]
            for each in self.entries
            if each["kind"] == "call" and each.get("from_address") in self.callers
        )


def findings(day: Day, bounds: Bounds = Bounds()) -> list[str]:
    """All that is wrong with a day."""
    return [
        *dialled_twice(day),
        *ended_by_us(day),
        *stranded(day, bounds),
        *removed_too_early(day),
    ]


def dialled_twice(day: Day) -> list[str]:
    """Each label is dialled at most once: a phone that rings again rings for another attempt.
    Whoever is asked for a key has no label, and here a phone of their own."""
    made = Counter(
        each["params"].get("Label") or each["params"].get("To", "")
        for each in day.requests
        if each["route"] in CREATES and each["effect"]
    )
    return [f"{label} was dialled {count} times" for label, count in made.items() if count > 1]


def ended_by_us(day: Day) -> list[str]:
    """No request of ours takes a caller's leg out of its room or ends it, or ends the room."""
    found, ended = [], _ends(day)
    for each in day.requests:
        if not each["effect"]:
            continue
        named = set(each["path"].removesuffix(".json").split("/")) & day.caller_sids
        is_end = each["params"].get("Status") in ("completed", "canceled")
        if named and (each["route"] == "participants.delete" or is_end):
            found.append(f"{each['route']} ended the caller's leg")
        if each["route"] == "conferences.update" and is_end:
            room = each["path"].removesuffix(".json").split("/")[-1]
            if any(ended.get(sid, day.until) > each["at"] for sid in _callers_in(day, room)):
                found.append("a room was ended with a caller in it")
    for each in day.entries:
        reason = str(each.get("reason", "")).replace("_", "-")
        if each["kind"] == "conference" and "end-conference-on-exit" in reason:
            found.append(f"a room ended by an exit flag: {reason}")
    return found


def stranded(day: Day, bounds: Bounds) -> list[str]:
    """No caller sits in silence, or is forgotten in music."""
    found = []
    ends = _ends(day)
    for sid in sorted(day.caller_sids):
        heard = [
            each for each in day.entries if each["kind"] == "audio" and each["call_sid"] == sid
        ]
        moments = [each["at"] for each in heard[1:]] + [ends.get(sid, day.until)]
        for each, ending in zip(heard, moments, strict=True):
            seconds = min(ending, ends.get(sid, day.until)) - each["at"]
            if each["what"] in SILENT and seconds > bounds.stranded:
                found.append(f"a caller heard {each['what']} for {seconds:.1f} s")
            if each["what"] in MUSIC and seconds > bounds.on_hold:
                found.append(f"a caller was left in {each['what']} for {seconds:.0f} s")
    return found


def removed_too_early(day: Day) -> list[str]:
    """Whoever is removed from a room leaves nobody behind: the caller talks, or is on hold with a
    phone ringing for them, or has gone."""
    found, ends = [], _ends(day)
    for each in day.requests:
        if each["route"] != "participants.delete" or not each["effect"]:
            continue
        room = each["path"].split("/Conferences/")[1].split("/")[0]
        inside = [sid for sid in _callers_in(day, room) if ends.get(sid, day.until) > each["at"]]
        if inside and all(_hears_nothing(day, sid, each["at"]) for sid in inside):
            found.append("somebody was removed and the caller was left with nobody")
    return found


def orphans(live_legs: dict[str, int]) -> list[str]:
    """After everybody has gone no leg of ours is up."""
    return [f"{address} still has {count} calls" for address, count in live_legs.items()]


def dishonest(view: Json, entries: Iterable[Json], caller: str, target: str) -> list[str]:
    """Whether a transfer that says it is completed brought caller and target together."""
    hearing = Hearing(entries)
    if view["state"] != "completed":
        return []
    at = view["ended_at"]
    if any(span.begins <= at <= span.ends for span in hearing.talks(caller, target)):
        return []
    return ["the API says completed, and caller and target did not talk then"]


def _ends(day: Day) -> dict[str, float]:
    """When each call that has ended ended."""
    return {
        each["call_sid"]: each["at"]
        for each in day.entries
        if each["kind"] == "call" and each["what"] not in LIVE
    }


def _callers_in(day: Day, conference_sid: str) -> set[str]:
    return {
        each["call_sid"]
        for each in day.entries
        if each["kind"] == "join" and each["conference_sid"] == conference_sid
    } & day.caller_sids


def _hears_nothing(day: Day, sid: str, at: float) -> bool:
    """What the caller was hearing just after a moment."""
    heard = [
        each["what"]
        for each in day.entries
        if each["kind"] == "audio" and each["call_sid"] == sid and each["at"] <= at + 0.05
    ]
    return bool(heard) and heard[-1] in SILENT
