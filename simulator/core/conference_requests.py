"""Conferences over REST: fetched, listed, ended, announced to. Rules C-01 to C-14."""

from typing import TYPE_CHECKING

from simulator.core import asks, resources
from simulator.core.errors import invalid
from simulator.core.events import tell
from simulator.core.model import Conference, Document
from simulator.core.pages import in_dates, page
from simulator.core.script import Script
from simulator.core.text import Form
from simulator.core.verbs import HANDLERS

if TYPE_CHECKING:
    from simulator.core.network import Network

Body = resources.Body


class ConferenceRequests:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def fetch(self, sid: str) -> Body:
        return resources.conference(self._network, self._network.conference(sid))

    def read(self, form: Form) -> Body:
        network = self._network
        found = [room for room in self._candidates(form) if self._matches(room, form)]
        return page(
            found,
            form,
            key="conferences",
            uri=f"{network.root}/Conferences.json",
            render=lambda room: resources.conference(network, room),
            sid_of=lambda room: room.sid,
        )

    def _candidates(self, form: Form) -> list[Conference]:
        """Newest first; live rooms are found without a walk through the finished ones."""
        network, name = self._network, form.text("FriendlyName")
        if form.text("Status") in ("init", "in-progress"):
            if name:
                room = network.live_conference(name)
                return [room] if room is not None else []
            return list(reversed(network.live_rooms.values()))
        return list(reversed(network.conferences_by_sid.values()))

    def _matches(self, room: Conference, form: Form) -> bool:
        name, status = form.text("FriendlyName"), form.text("Status")
        if name and name != room.name:
            return False
        if status and status != resources.conference_status(self._network, room):
            return False
        return in_dates(form, "DateCreated", room.created_at) and in_dates(
            form, "DateUpdated", room.updated_at
        )

    def update(self, sid: str, form: Form) -> Body:
        network, room = self._network, self._network.conference(sid)
        status, announce = form.text("Status"), asks.url(form, "AnnounceUrl")
        if status is not None and status != "completed":
            raise invalid(20001, "Status must be completed")
        if (status or announce) and room.ended:
            raise invalid(16022, f"Conference {sid} does not exist or is completed")
        if announce:
            self._announce(room, announce, asks.method(form, "AnnounceMethod"))
        if status is not None:
            network.rooms.end(room, "conference-ended-via-api", None, "conference_ended_via_api")
        return resources.conference(network, room)

    def _announce(self, room: Conference, url: str, method: str) -> None:
        """Play to everybody in the room (P-19)."""
        network = self._network
        people = [p.call for p in room.participants.values() if p.joined]
        if not people:
            raise invalid(16099, "Unexpected conference status: nobody is connected")

        def over(_: str) -> None:
            room.announcement = None
            tell(network, room, "announcement-end", None, {"AnnounceUrl": url})
            network.rooms.refresh(room)

        if room.announcement is not None:
            room.announcement.stop()
        room.announcement = Script(
            network,
            people[0],
            "announce",
            on_end=over,
            extra=lambda: {"ConferenceSid": room.sid, "FriendlyName": room.name},
            audience=lambda: [p.call for p in room.participants.values() if p.joined],
            handlers=HANDLERS,
        )
        room.announcement.load(Document(url, method))
