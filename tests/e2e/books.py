"""TaskRouter's books beside the telephone network: each worker's time in both, to the second.

The books say when a worker was busy; the ledger says when the worker's leg was in a room. They are
kept by different parts of the simulator, and agree only if the engine told TaskRouter everything
at the right moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.e2e.evidence import FOREVER, Span
from tests.e2e.telephones import Json
from workflows.machine.labels import is_supervisor

TOLERANCE_SECONDS = 1.0


@dataclass
class Page:
    """One worker's page: what the books say, and what is wrong with it."""

    worker: str
    activity: str
    seconds: dict[str, float]
    together: float
    busy: list[Span]
    on_calls: list[Span]
    offers: dict[str, int] = field(default_factory=dict)
    """How many offers came to which end."""

    @property
    def problems(self) -> list[str]:
        """Each point in which this worker's time is not told right."""
        found = []
        if self.together:
            found.append(f"{self.worker} was booked twice for {self.together:.1f} s")
        if any(span.ends == FOREVER for span in self.busy):
            found.append(f"{self.worker} is still busy")
        if len(self.busy) != len(self.on_calls):
            found.append(f"{self.worker} had {len(self.busy)} tasks for {len(self.on_calls)} calls")
        for number, (busy, call) in enumerate(zip(self.busy, self.on_calls, strict=False), start=1):
            began, ended = busy.begins - call.begins, busy.ends - call.ends
            if abs(began) > TOLERANCE_SECONDS:
                found.append(f"{self.worker}'s task {number} began {began:+.1f} s off its call")
            if busy.ends != call.ends and not abs(ended) <= TOLERANCE_SECONDS:
                found.append(f"{self.worker}'s task {number} ended {ended:+.1f} s off its call")
        return found

    @property
    def worst_seconds(self) -> float:
        """How far books and calls are apart at most."""
        return max(
            (
                max(abs(busy.begins - call.begins), abs(busy.ends - call.ends))
                for busy, call in zip(self.busy, self.on_calls, strict=False)
                if FOREVER not in (busy.ends, call.ends)
            ),
            default=0.0,
        )


def pages(
    utilisation: Iterable[Json], phones: dict[str, str], ledger: Iterable[Json]
) -> list[Page]:
    """Every worker's page. `phones`: the address of each worker by name; `ledger` may hold
    everything that ever happened."""
    times = _times_in_rooms(ledger)
    return [_page(each, times[phones[each["worker"]]]) for each in utilisation]


def problems(found: Sequence[Page], activity: str = "Available") -> list[str]:
    """What is not right when everybody has gone home, and where a worker is not back."""
    away = [
        f"{page.worker} is {page.activity}, not {activity}"
        for page in found
        if page.activity != activity
    ]
    return [*(problem for page in found for problem in page.problems), *away]


def _page(worker: Json, on_calls: list[Span]) -> Page:
    offers: dict[str, int] = defaultdict(int)
    busy: list[Span] = []
    for reservation in worker["reservations"]:
        offers[reservation["status"]] += 1
        busy += [
            Span(interval["from"], FOREVER if interval["to"] is None else interval["to"])
            for interval in reservation["intervals"]
            if interval["state"] in ("busy", "wrapping")
        ]
    return Page(
        worker=worker["worker"],
        activity=worker["activity"],
        seconds=worker["seconds"],
        together=max(0.0, worker["seconds_busy_together"]),
        busy=_joined(busy),
        on_calls=on_calls,
        offers=dict(offers),
    )


def _joined(spans: list[Span]) -> list[Span]:
    """Stretches that follow on each other without a gap, as busy and wrapping do, are one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.begins):
        if found and found[-1].ends == span.begins:
            found[-1] = Span(found[-1].begins, span.ends)
        else:
            found.append(span)
    return found


def _times_in_rooms(ledger: Iterable[Json]) -> dict[str, list[Span]]:
    """When each address was in a room; a supervisor only from when somebody hears them."""
    found: dict[str, list[Span]] = defaultdict(list)
    since: dict[tuple[str, str], tuple[str, float]] = {}
    listening: set[tuple[str, str]] = set()
    for entry in ledger:
        leg = (str(entry["call_sid"]), str(entry["conference_sid"]))
        if entry["kind"] == "join" and is_supervisor(entry["label"] or ""):
            listening.add(leg)
        elif entry["kind"] == "join":
            since[leg] = entry["address"], entry["at"]
        elif entry["kind"] == "hearing" and entry["what"] == "begins":
            heard = (str(entry["speaker"]), leg[1])
            if heard in listening:
                listening.remove(heard)
                since[heard] = entry["speaker_address"], entry["at"]
        elif entry["kind"] == "leave" and leg in since:
            address, begins = since.pop(leg)
            found[address].append(Span(begins, entry["at"]))
    for address, begins in since.values():
        found[address].append(Span(begins, FOREVER))
    return defaultdict(list, {who: sorted(spans, key=_begins) for who, spans in found.items()})


def _begins(span: Span) -> float:
    return span.begins
