"""Random days in a contact centre: whatever happens, nobody is booked wrongly and nothing is lost.

After every step the tables must agree with one another, and the same steps give the same ledger.
"""

import contextlib
from random import Random

import pytest

from simulator.core.errors import TwilioError
from simulator.core.phones import PhoneError
from simulator.core.taskrouter.model import OPEN_RESERVATION
from tests.simulator.network_kit import NUMBER
from tests.simulator.taskrouter.kit import ASSIGN, CONFERENCE, Centre, form

STEPS = 60
PHONES = ("answer", "busy", "reject", "no_answer", "ring", "unreachable")
CALL = {"instruction": "call", "from": NUMBER, "url": "http://app/agent", "accept": True}
DEQUEUE = {"instruction": "dequeue", "from": NUMBER}
ANSWERS = (
    CONFERENCE, CONFERENCE, CALL, DEQUEUE, {"instruction": "accept"}, {"instruction": "reject"}, "",
    {"instruction": "dance"},
)  # fmt: skip


class Day:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        switches = {
            "worker_leg_failed": self.random.choice(["canceled", "rejected", "timeout"]),
            "reservation_timer_in_setup": self.random.choice(["paused", "runs"]),
            "reservation_timeout_target": self.random.choice(["stay", "next"]),
            "call_accepts_at": self.random.choice(["answer", "instruction"]),
        }
        self.centre = Centre(multi=self.random.random() < 0.7, **switches)
        centre = self.centre
        second = centre.add_queue("second", MaxReservedWorkers=2)
        targets = [
            {"queue": centre.queue, "timeout": 20, "skip_if": "workers.available == 0"},
            {"queue": second, "timeout": 100},
        ]
        centre.workflow = centre.add_workflow({"filters": [{"targets": targets}]}, timeout=15)
        centre.documents["http://app/agent"] = "<Response><Pause length='20'/></Response>"
        centre.answers[ASSIGN] = lambda _: self.random.choice(ANSWERS)
        self.workers = [centre.add_worker(name) for name in ("alice", "bob", "carol")]
        self.callers = 0

    def step(self) -> None:
        act = self.random.choice(
            [self.call, self.task, self.wait, self.wait, self.phone, self.hang_up, self.move,
             self.activity, self.reserve, self.capacity]
        )  # fmt: skip
        with contextlib.suppress(TwilioError, PhoneError):
            act()
        self.centre.advance()

    def call(self) -> None:
        self.callers += 1
        self.centre.enqueue(caller=f"+1555888{self.callers:04}")

    def task(self) -> None:
        self.centre.add_task(Priority=self.random.randrange(3), TaskChannel="voice")

    def wait(self) -> None:
        self.centre.advance(self.random.choice([0.5, 3, 10, 30, 90]))

    def phone(self) -> None:
        name = self.random.choice(self.workers).name
        self.centre.phone(name, self.random.choice(PHONES), self.random.choice([0, 2]))

    def hang_up(self) -> None:
        calls = list(self.centre.network.live_calls.values())
        if calls:
            call = self.random.choice(calls)
            self.centre.network.phones.hangup(call.phone, call.sid)

    def move(self) -> None:
        tasks = list(self.centre.space.tasks.values())
        if tasks:
            status = self.random.choice(["completed", "canceled", "wrapping"])
            task = self.random.choice(tasks)
            self.centre.update_task(task, AssignmentStatus=status, Reason="x")

    def activity(self) -> None:
        worker = self.random.choice(self.workers)
        name = self.random.choice(["Available", "Available", "Offline", "Unavailable"])
        rejects = name != "Available" and self.random.random() < 0.5
        self.centre.go(worker, name, RejectPendingReservations=rejects)

    def reserve(self) -> None:
        found = list(self.centre.space.reservations.values())
        if found:
            status = self.random.choice(["accepted", "rejected", "wrapping", "completed"])
            self.centre.order(self.random.choice(found), ReservationStatus=status)

    def capacity(self) -> None:
        worker = self.random.choice(self.workers)
        self.centre.rest.worker_channels.update(
            self.centre.sid, worker.sid, "voice", form(Capacity=self.random.randrange(3))
        )

    def check(self) -> None:
        space = self.centre.space
        for worker in self.workers:
            assert all(r.open for r in worker.open.values())
        for reservation in space.reservations.values():
            held = reservation.sid in reservation.worker.open
            assert held is (reservation.status in OPEN_RESERVATION)
            assert not (reservation.setting_up and reservation.status != "pending")
        for task in space.tasks.values():
            statuses = [r.status for r in task.reservations.values()]
            open_ = [status for status in statuses if status in OPEN_RESERVATION]
            expected = {
                "pending": [], "assigned": ["accepted"], "wrapping": ["wrapping"],
                "completed": [], "canceled": [],
            }.get(task.status)  # fmt: skip
            if task.status == "reserved":
                assert open_
                assert set(open_) == {"pending"}
            else:
                assert open_ == expected, (task.status, statuses)
            assert (task.sid in space.waiting) is (task.status in ("pending", "reserved"))
            if task.parked is not None and task.status in ("pending", "reserved"):
                assert task.parked.live
                assert task.parked.member is not None
        parked = [c for c in self.centre.network.live_calls.values() if c.member is not None]
        for call in parked:
            assert call.status == "in-progress"

    def ledger(self) -> list[tuple[float, str, str]]:
        return [(e.at, e.kind, e.what) for e in self.centre.network.ledger]


@pytest.mark.parametrize("seed", range(40))
def test_tables_agree_after_every_step(seed: int) -> None:
    day = Day(seed)
    for _ in range(STEPS):
        day.step()
        day.check()


def test_the_same_day_is_the_same_day() -> None:
    ledgers = []
    for _ in range(2):
        day = Day(7)
        for _ in range(STEPS):
            day.step()
        ledgers.append(day.ledger())
    assert ledgers[0] == ledgers[1]
    assert len(ledgers[0]) > 100
