"""What an account owns, over REST: numbers, applications, queues and their members."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from simulator.core import asks, resources
from simulator.core.errors import invalid, not_found
from simulator.core.model import Application, Document, Number, Queue, QueueMember
from simulator.core.pages import page
from simulator.core.text import Form, is_phone_number

if TYPE_CHECKING:
    from simulator.core.network import Network

Body = resources.Body
BOOLEANS = ("voice_caller_id_lookup", "public_application_connect_enabled")
QUEUE_SIZE_MAX = 5000


@cache
def parameter(field: str) -> str:
    """`voice_url` as the request parameter `VoiceUrl`."""
    return "".join(part.capitalize() for part in field.split("_"))


def settings_from(form: Form, defaults: Body) -> dict[str, Any]:
    """The resource's own fields that this request sets."""
    found: dict[str, Any] = {}
    for name in (*defaults, "friendly_name"):
        key = parameter(name)
        if key not in form or name in ("capabilities", "beta", "origin", "status", "type"):
            continue
        if name in BOOLEANS:
            found[name] = form.true(key)
        elif name.endswith("_method"):
            found[name] = asks.method(form, key)
        elif name.endswith(("_url", "status_callback")):
            found[name] = asks.url(form, key)
        else:
            found[name] = form.text(key)
    return found


class Numbers:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def create(self, form: Form) -> Body:
        text = (form.text("PhoneNumber") or "").strip()
        if not is_phone_number(text):
            raise invalid(21211, f"{text or 'PhoneNumber'} is not a valid phone number")
        if self._network.number_of(text) is not None:
            raise invalid(20409, f"{text} is already a number of this account")
        now = self._network.clock.now
        number = Number(self._network.sid("PN"), text, now, now)
        number.settings = settings_from(form, resources.NUMBER_DEFAULTS)
        self._network.numbers[number.sid] = number
        return resources.number(self._network, number)

    def _get(self, sid: str) -> Number:
        found = self._network.numbers.get(sid)
        if found is None:
            raise not_found(f"{self._network.root}/IncomingPhoneNumbers/{sid}.json")
        return found

    def fetch(self, sid: str) -> Body:
        return resources.number(self._network, self._get(sid))

    def update(self, sid: str, form: Form) -> Body:
        number = self._get(sid)
        number.settings.update(settings_from(form, resources.NUMBER_DEFAULTS))
        number.updated_at = self._network.clock.now
        return resources.number(self._network, number)

    def delete(self, sid: str) -> None:
        del self._network.numbers[self._get(sid).sid]

    def read(self, form: Form) -> Body:
        network = self._network
        numbers = list(network.numbers.values())
        part, name = form.text("PhoneNumber"), form.text("FriendlyName")
        if part:
            digits = part.replace("*", "").lstrip("+")
            numbers = [n for n in numbers if digits in n.phone_number]
        if name:
            numbers = [n for n in numbers if resources.number(network, n)["friendly_name"] == name]
        return page(
            numbers,
            form,
            key="incoming_phone_numbers",
            uri=f"{network.root}/IncomingPhoneNumbers.json",
            render=lambda n: resources.number(network, n),
            sid_of=lambda n: n.sid,
        )


class Applications:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def create(self, form: Form) -> Body:
        now = self._network.clock.now
        application = Application(self._network.sid("AP"), now, now)
        application.settings = settings_from(form, resources.APPLICATION_DEFAULTS)
        self._network.applications[application.sid] = application
        return resources.application(self._network, application)

    def _get(self, sid: str) -> Application:
        found = self._network.applications.get(sid)
        if found is None:
            raise not_found(f"{self._network.root}/Applications/{sid}.json")
        return found

    def fetch(self, sid: str) -> Body:
        return resources.application(self._network, self._get(sid))

    def update(self, sid: str, form: Form) -> Body:
        application = self._get(sid)
        application.settings.update(settings_from(form, resources.APPLICATION_DEFAULTS))
        application.updated_at = self._network.clock.now
        return resources.application(self._network, application)

    def delete(self, sid: str) -> None:
        del self._network.applications[self._get(sid).sid]

    def read(self, form: Form) -> Body:
        network, name = self._network, form.text("FriendlyName")
        found = [
            app
            for app in network.applications.values()
            if not name or app.settings.get("friendly_name") == name
        ]
        return page(
            found,
            form,
            key="applications",
            uri=f"{network.root}/Applications.json",
            render=lambda app: resources.application(network, app),
            sid_of=lambda app: app.sid,
        )


class QueueRequests:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def _get(self, sid: str) -> Queue:
        found = self._network.queues_by_sid.get(sid)
        if found is None:
            raise not_found(f"{self._network.root}/Queues/{sid}.json")
        return found

    def _size(self, form: Form, otherwise: int) -> int:
        return asks.seconds(form, "MaxSize", 20001, 1, QUEUE_SIZE_MAX) or otherwise

    def create(self, form: Form) -> Body:
        name = form.text("FriendlyName")
        if not name:
            raise invalid(20001, "FriendlyName is required")
        if any(queue.name == name for queue in self._network.queues_by_sid.values()):
            raise invalid(22003, f"A queue named {name} already exists")
        queue = self._network.queues.make(name, self._size(form, 100))
        return resources.queue(self._network, queue)

    def fetch(self, sid: str) -> Body:
        return resources.queue(self._network, self._get(sid))

    def update(self, sid: str, form: Form) -> Body:
        queue = self._get(sid)
        queue.name = form.given("FriendlyName", queue.name)
        queue.max_size = self._size(form, queue.max_size)
        queue.updated_at = self._network.clock.now
        return resources.queue(self._network, queue)

    def delete(self, sid: str) -> None:
        queue = self._get(sid)
        if queue.members:
            raise invalid(22002, f"Queue {sid} is not empty")
        del self._network.queues_by_sid[sid]

    def read(self, form: Form) -> Body:
        network = self._network
        return self._page(
            list(network.queues_by_sid.values()),
            form,
            "queues",
            "",
            lambda queue: resources.queue(network, queue),
            lambda queue: queue.sid,
        )

    def _page(
        self,
        items: list[Any],
        form: Form,
        key: str,
        below: str,
        render: Callable[[Any], Body],
        sid_of: Callable[[Any], str],
    ) -> Body:
        uri = f"{self._network.root}/Queues{below}.json"
        return page(items, form, key=key, uri=uri, render=render, sid_of=sid_of)

    def read_members(self, sid: str, form: Form) -> Body:
        queue = self._get(sid)
        return self._page(
            list(queue.members.values()),
            form,
            "queue_members",
            f"/{sid}/Members",
            self._member,
            lambda member: member.call.sid,
        )

    def _member(self, member: QueueMember) -> Body:
        return resources.member(self._network, member, self._network.queues.position(member))

    def _get_member(self, sid: str, call_sid: str) -> QueueMember:
        members = self._get(sid).members
        found = next(iter(members.values()), None) if call_sid == "Front" else members.get(call_sid)
        if found is None:
            raise not_found(f"{self._network.root}/Queues/{sid}/Members/{call_sid}.json")
        return found

    def fetch_member(self, sid: str, call_sid: str) -> Body:
        return self._member(self._get_member(sid, call_sid))

    def update_member(self, sid: str, call_sid: str, form: Form) -> Body:
        """Dequeue: the parked call goes on with another document."""
        member = self._get_member(sid, call_sid)
        url = asks.url(form, "Url")
        if not url:
            raise invalid(21205, "Url parameter is required.")
        body = self._member(member)
        document = Document(url, asks.method(form, "Method"))
        self._network.calls.redirect(member.call, document)
        return body
