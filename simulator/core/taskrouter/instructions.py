"""Assignment instructions: what a callback's answer or a REST update orders (I-03, I-09, I-10).

https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks
The same instruction comes as JSON in snake_case or as form fields in CamelCase; both become an
`Order`. Faults are raised with the codes of Twilio's dictionary, before anything has happened.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.core.asks import CALL_EVENTS, URL
from simulator.core.errors import invalid
from simulator.core.model import Call
from simulator.core.taskrouter.model import Activity, Reservation, Workspace
from simulator.core.text import flag, is_address

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

UNKNOWN_INSTRUCTION = 55555
# By instruction: no `to`, no `from`, no valid activity, bad status callback, no longer pending.
CODES = {
    "call": {"to": 40110, "from": 40111, "url": 40112, "status": 40158, "pending": 40114},
    "dequeue": {
        "to": 40131, "from": 40132, "activity": 40130, "events": 40134, "status": 40157,
        "pending": 40135, "call": 40140,
    },
    "conference": {
        "to": 40137, "from": 40138, "activity": 40139, "status": 40159, "pending": 40136,
        "call": 40142, "gone": 40144,
    },
    "redirect": {"call": 40120, "url": 40121, "pending": 40123},
    "reject": {"activity": 40100, "pending": 20001},
    "accept": {"pending": 20001},
    "supervise": {"pending": 40146, "to": 40147, "from": 40148},
}  # fmt: skip
PREFIXES = {"dequeue": "Dequeue", "call": "Call", "redirect": "Redirect"}


@dataclass(frozen=True, slots=True)
class Order:
    """One instruction. Values are texts, or lists of texts."""

    kind: str
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        found = self.values.get(name)
        if isinstance(found, bool):
            return flag(found)
        return "" if found is None else str(found).strip()

    def true(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def words(self, name: str) -> list[str]:
        found = self.values.get(name)
        parts = found if isinstance(found, list | tuple) else [self.text(name)]
        return [word for part in parts for word in str(part).replace(",", " ").split()]

    def refuse(self, what: str, message: str) -> Exception:
        return invalid(CODES[self.kind].get(what, 20001), f"{self.kind}: {message}")


def from_form(kind: str, values: Mapping[str, list[str]]) -> dict[str, Any]:
    """CamelCase fields to the names of the JSON form; foreign prefixes are left alone."""
    prefix = PREFIXES.get(kind, "")
    order: dict[str, Any] = {"instruction": kind}
    for name, given in values.items():
        own = name.removeprefix(prefix) if prefix and name.startswith(prefix) else name
        if prefix and own == name:
            continue
        key = re.sub(r"(?<!^)(?=[A-Z])", "_", own).lower()
        order[key] = given if len(given) > 1 else given[0] if given else ""
    if "status_callback_event" in order and kind == "dequeue":
        order["status_callback_events"] = order.pop("status_callback_event")
    return order


class Instructions:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router
        self._kinds: dict[str, Callable[[Workspace, Reservation, Order], None]] = {
            "accept": self._accept,
            "reject": self._reject,
            "call": self._call,
            "dequeue": self._dequeue,
            "redirect": self._redirect,
            "conference": self._conference,
            "supervise": self._supervise,
        }

    def carry_out(
        self, space: Workspace, reservation: Reservation, values: Mapping[str, Any]
    ) -> None:
        """Raises TwilioError when the instruction cannot be begun; nothing has changed then."""
        kind = str(values.get("instruction") or "").strip().lower()
        if kind not in self._kinds:
            raise invalid(UNKNOWN_INSTRUCTION, f"Invalid Instruction passed: '{kind}'")
        order = Order(kind, values)
        if kind != "supervise" and reservation.status != "pending":
            raise order.refuse("pending", f"the Reservation is {reservation.status}")
        if reservation.setting_up and kind not in ("accept", "reject", "supervise"):
            raise order.refuse("pending", "another instruction is being carried out")
        self._kinds[kind](space, reservation, order)

    # -- without a telephone -----------------------------------------------------------------

    def _accept(self, space: Workspace, reservation: Reservation, _: Order) -> None:
        self._router.reservations.accept(space, reservation)

    def _reject(self, space: Workspace, reservation: Reservation, order: Order) -> None:
        sid = order.text("activity_sid") or order.text("worker_activity_sid")
        if not sid and self._router.network.switches.reject_needs_activity:
            raise order.refuse("activity", "activity_sid is missing")
        self._router.reservations.reject(space, reservation, self._activity(space, order, sid))

    def _activity(self, space: Workspace, order: Order, sid: str) -> Activity | None:
        if sid and sid not in space.activities:
            raise order.refuse("activity", f"'{sid}' is not an Activity of this Workspace")
        return space.activities.get(sid)

    # -- what telephone instructions have in common ------------------------------------------

    def _worker_address(self, reservation: Reservation, order: Order) -> str:
        to = order.text("to") or str(reservation.worker.attributes.get("contact_uri") or "")
        to = normal(to)
        if not is_address(to):
            raise order.refuse("to", f"'{to}' is not a valid 'to', and there is no contact_uri")
        return to

    def _from(self, reservation: Reservation, order: Order, default: str = "") -> str:
        from_ = normal(order.text("from") or default)
        if not is_address(from_):
            raise order.refuse("from", f"'{from_}' is not a valid 'from'")
        return from_

    def _callback(self, order: Order, name: str) -> str:
        url = order.text(name)
        if url and not URL.match(url):
            raise order.refuse("status", f"{name} is not a valid URL: {url}")
        return url

    def _url(self, order: Order) -> str:
        url = order.text("url")
        if not URL.match(url):
            raise order.refuse("url", f"'{url}' is not a valid url")
        return url

    def _seconds(self, order: Order, default: float = 60.0) -> float:
        text = order.text("timeout")
        return float(text) if text.isdigit() and int(text) <= 999 else default

    def _caller(self, reservation: Reservation, order: Order) -> Call:
        """The call the task is about, which must still be up."""
        sid = reservation.task.attributes.get("call_sid")
        if not isinstance(sid, str) or not sid:
            raise order.refuse("call", "the Task's attributes hold no call_sid")
        call = self._router.network.calls_by_sid.get(sid)
        if call is None or not call.live:
            what = "gone" if "gone" in CODES[order.kind] else "pending"
            raise order.refuse(what, f"the call {sid} is not in progress")
        return call

    # -- with a telephone --------------------------------------------------------------------

    def _call(self, space: Workspace, reservation: Reservation, order: Order) -> None:
        to, from_ = self._worker_address(reservation, order), self._from(reservation, order)
        url, status = self._url(order), self._callback(order, "status_callback_url")
        self._router.legs.call_worker(
            space,
            reservation,
            to=to,
            from_=from_,
            url=url,
            timeout=self._seconds(order),
            status_url=status,
            accepts=order.true("accept"),
        )

    def _dequeue(self, space: Workspace, reservation: Reservation, order: Order) -> None:
        caller = self._caller(reservation, order)
        if caller.member is None:
            raise order.refuse("call", "the call waits in no queue")
        events = order.words("status_callback_events")
        if any(event not in CALL_EVENTS for event in events):
            raise order.refuse("events", "status_callback_events names an unknown event")
        to, from_ = self._worker_address(reservation, order), self._from(reservation, order)
        status = self._callback(order, "status_callback_url")
        post = self._activity(space, order, order.text("post_work_activity_sid"))
        self._router.legs.dequeue(
            space,
            reservation,
            caller,
            to=to,
            from_=from_,
            timeout=self._seconds(order),
            status_url=status,
            status_events=tuple(events),
        )
        reservation.post_work_activity = post

    def _redirect(self, space: Workspace, reservation: Reservation, order: Order) -> None:
        url, sid = self._url(order), order.text("call_sid")
        call = self._router.network.calls_by_sid.get(sid)
        if call is None:
            raise order.refuse("call", f"'{sid}' is not a call of this account")
        if not call.live:
            raise order.refuse("pending", f"the call {sid} is not in progress")
        if order.true("accept"):
            self._router.reservations.accept(space, reservation)
        self._router.legs.redirect(call, url)

    def _conference(self, space: Workspace, reservation: Reservation, order: Order) -> None:
        attributes = reservation.task.attributes
        outbound = normal(str(attributes.get("outbound_to") or ""))
        caller = None if outbound else self._caller(reservation, order)
        to = self._worker_address(reservation, order)
        from_ = self._from(reservation, order, str(attributes.get("from") or ""))
        self._callback(order, "status_callback")
        self._callback(order, "conference_status_callback")
        post = self._activity(space, order, order.text("post_work_activity_sid"))
        self._router.conferences.begin(space, reservation, order, to, from_, caller, outbound)
        reservation.post_work_activity = post

    def _supervise(self, space: Workspace, reservation: Reservation, order: Order) -> None:
        if reservation.status != "accepted" or reservation.conference_sid is None:
            raise order.refuse("pending", f"the Reservation is {reservation.status}")
        given = order.text("supervisor")
        worker = space.workers.get(given)
        to = normal(str(worker.attributes.get("contact_uri") or "") if worker else given)
        if not is_address(to):
            raise order.refuse("to", "the supervisor has no valid contact_uri")
        from_ = self._from(reservation, order, str(reservation.task.attributes.get("from") or ""))
        mode = order.text("supervisor_mode") or "monitor"
        if mode not in ("monitor", "whisper", "barge"):
            raise order.refuse("mode", "supervisor_mode must be monitor, whisper or barge")
        self._router.conferences.supervise(reservation, to, from_, mode)


def normal(address: str) -> str:
    """A number without its plus sign is taken for one with it, as Twilio's examples write it."""
    address = address.strip()
    return f"+{address}" if address.isdigit() and len(address) >= 7 else address
