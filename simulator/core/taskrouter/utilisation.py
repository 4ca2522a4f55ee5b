"""How each worker's time was spent, to the second: for a table at the end of a story."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.core.taskrouter.model import Activity, Reservation, Worker
from simulator.core.text import iso8601

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

Body = dict[str, Any]
# What a worker's reservation in this status means for the worker.
STATES = {"pending": "reserved", "accepted": "busy", "wrapping": "wrapping"}


@dataclass(slots=True)
class Record:
    worker: Worker
    activities: list[tuple[float, Activity]] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)


class Utilisation:
    """Keeps every reservation and change of activity, also of what was deleted since."""

    def __init__(self, router: "TaskRouter") -> None:
        self._router = router
        self._records: dict[str, Record] = {}

    def activity(self, worker: Worker) -> None:
        record = self._records.setdefault(worker.sid, Record(worker))
        record.activities.append((self._router.now, worker.activity))

    def reservation(self, reservation: Reservation) -> None:
        worker = reservation.worker
        self._records.setdefault(worker.sid, Record(worker)).reservations.append(reservation)

    def of(self, worker: Worker) -> list[Reservation]:
        record = self._records.get(worker.sid)
        return record.reservations if record is not None else []

    def durations(
        self, activities: list[Activity], worker_sids: set[str], begin: float, end: float
    ) -> list[Body]:
        """`activity_durations` of Twilio's worker statistics, in whole seconds."""
        stays = [
            stay
            for sid, record in self._records.items()
            if sid in worker_sids
            for stay in _stretches(record.activities, begin, end)
        ]
        found = []
        for activity in activities:
            own = [int(seconds) for stayed, seconds in stays if stayed is activity]
            found.append(
                {
                    "sid": activity.sid,
                    "friendly_name": activity.name,
                    "total": sum(own),
                    "avg": sum(own) // len(own) if own else 0,
                    "min": min(own, default=0),
                    "max": max(own, default=0),
                }
            )
        return found

    def shown(self, since: float | None = None) -> Body:
        now = self._router.now
        return {
            "at": now,
            "time": iso8601(now),
            "workers": [self._worker(record, since or 0.0, now) for record in self._sorted()],
        }

    def _sorted(self) -> list[Record]:
        return sorted(self._records.values(), key=lambda record: record.worker.name)

    def _worker(self, record: Record, since: float, now: float) -> Body:
        spans = [span for r in record.reservations for span in _spans(r, now) if span[2] > since]
        spans = [(state, max(begin, since), end) for state, begin, end in spans]
        busy = [(begin, end) for state, begin, end in spans if state == "busy"]
        return {
            "worker_sid": record.worker.sid,
            "worker": record.worker.name,
            "activity": record.worker.activity.name,
            "seconds": {
                state: _total([(b, e) for s, b, e in spans if s == state])
                for state in STATES.values()
            },
            "seconds_busy_together": _overlap(busy),
            "seconds_by_activity": _by_activity(record.activities, since, now),
            "reservations": [_shown(r, now) for r in record.reservations],
        }


def _spans(reservation: Reservation, now: float) -> list[tuple[str, float, float]]:
    """The stretches of time of one reservation: what the worker was, from when to when."""
    history = reservation.history
    ends = [at for at, _ in history[1:]] + [now]
    return [
        (STATES[status], at, end)
        for (at, status), end in zip(history, ends, strict=True)
        if status in STATES
    ]


def _total(spans: list[tuple[float, float]]) -> float:
    """Seconds covered by at least one span."""
    total, reach = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reach))
        reach = max(reach, end)
    return round(total, 3)


def _overlap(spans: list[tuple[float, float]]) -> float:
    """Seconds in which the worker was busy more than once: above 0 is a double booking."""
    return round(sum(end - begin for begin, end in spans) - _total(spans), 3)


def _by_activity(
    changes: list[tuple[float, Activity]], since: float, now: float
) -> dict[str, float]:
    found: dict[str, float] = {}
    ends = [at for at, _ in changes[1:]] + [now]
    for (begin, activity), end in zip(changes, ends, strict=True):
        seconds = max(0.0, end - max(begin, since))
        found[activity.name] = round(found.get(activity.name, 0.0) + seconds, 3)
    return found


def _shown(reservation: Reservation, now: float) -> Body:
    spans = _spans(reservation, now)
    seconds = dict.fromkeys(STATES.values(), 0.0)
    for state, begin, end in spans:
        seconds[state] = round(seconds[state] + end - begin, 3)
    task, open_ = reservation.task, reservation.open
    return {
        "reservation_sid": reservation.sid,
        "task_sid": task.sid,
        "task_queue": reservation.queue.name if reservation.queue is not None else None,
        "status": reservation.status,
        "seconds": seconds,
        "intervals": [
            {"state": state, "from": begin, "to": None if open_ and end == now else end}
            for state, begin, end in spans
        ],
    }


def _stretches(
    changes: list[tuple[float, Activity]], begin: float, end: float
) -> list[tuple[Activity, float]]:
    """How long each stay in an activity lasted within this window."""
    ends = [at for at, _ in changes[1:]] + [end]
    found = []
    for (since, activity), until in zip(changes, ends, strict=True):
        seconds = min(until, end) - max(since, begin)
        if seconds > 0:
            found.append((activity, seconds))
    return found
