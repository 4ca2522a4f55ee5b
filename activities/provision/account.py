"""The account brought up to the file: what is missing is made, what differs is changed.

Everything is found by its name, so a run that broke off is finished by the next one, and a run that
finds all as it should be writes nothing. Nothing is ever deleted.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from activities.provision.changes import Change, readable
from activities.provision.routing import configuration
from activities.provision.wanted import Wanted, WantedWorker
from activities.settings import TwilioSettings

T = TypeVar("T")
Read = Callable[[Any], Any]

EVENTS = (
    "reservation.accepted",
    "reservation.canceled",
    "reservation.completed",
    "reservation.created",
    "reservation.failed",
    "reservation.rejected",
    "reservation.rescinded",
    "reservation.timeout",
    "reservation.wrapup",
    "task-queue.entered",
    "task-queue.moved",
    "task-queue.timeout",
    "task.canceled",
    "task.completed",
    "task.deleted",
    "task.system-deleted",
    "task.wrapup",
    "worker.activity.update",
    "workflow.timeout",
)
"""What the engine wants to hear. https://www.twilio.com/docs/taskrouter/api/event/reference"""

ASSIGNMENT_PATH = "/twilio/taskrouter/assignment"
EVENTS_PATH = "/twilio/taskrouter/events"
INBOUND_PATH = "/twilio/voice/inbound"

NUMBERS_MAX = 20
VOICE = "voice"
"""The task channel of calls, which every workspace has."""


class ProvisionError(Exception):
    """Why it cannot go on, for the person who started it."""


@dataclass
class Provisioned:
    """What was done so far, or in a dry run would be done."""

    changes: list[Change] = field(default_factory=list)
    workspace_sid: str = ""
    workflow_sid: str = ""
    left_alone: list[str] = field(default_factory=list)


class Provisioner:
    """One run. `done` tells what has happened, also after an error."""

    def __init__(
        self, client: Client, settings: TwilioSettings, wanted: Wanted, is_dry_run: bool = False
    ) -> None:
        self._client = client
        self._settings = settings
        self._wanted = wanted
        self._is_dry_run = is_dry_run
        self.done = Provisioned()

    async def run(self, is_number_set: bool = True) -> Provisioned:
        """Everything in the order in which one needs the other."""
        space = await self._workspace()
        activities = await self._activities(space)
        await self._timeout_activity(space, activities)
        queues = await self._queues(space)
        await self._workflow(space, queues)
        await self._workers(space, activities)
        if is_number_set:
            await self._number()
        return self.done

    # --- the parts ------------------------------------------------------------------------------

    async def _workspace(self) -> Any:
        """The workspace's context, or None in a dry run that would make it."""
        spaces = self._client.taskrouter.v1.workspaces
        name, sid = self._wanted.workspace.name, self._settings.twilio_workspace_sid
        if sid:
            found = await asked(f"workspace {sid}", spaces(sid).fetch_async())
        else:
            listed = await asked("workspaces", spaces.list_async(friendly_name=name))
            if len(listed) > 1:
                raise ProvisionError(
                    f"there are {len(listed)} workspaces named {name}: say which one with "
                    "TWILIO_WORKSPACE_SID"
                )
            found = next(iter(listed), None)
        self.done.workspace_sid = await self._settle(
            "workspace",
            name,
            found,
            {
                "event_callback_url": self._settings.public_url(EVENTS_PATH),
                "events_filter": ",".join(EVENTS),
            },
            create=spaces.create_async,
            # Several calls and a time to wrap up need multitasking; it cannot be undone, so a
            # workspace that is there keeps what it has.
            at_first={"friendly_name": name, "multi_task_enabled": True, "template": "NONE"},
            same={"events_filter": _sorted_words},
        )
        return spaces(self.done.workspace_sid) if self.done.workspace_sid else None

    async def _activities(self, space: Any) -> dict[str, str]:
        """Name -> SID."""
        there = await _by_name(space and space.activities, "activities")
        found: dict[str, str] = {}
        for name, available in self._wanted.activities.items():
            present = there.get(name.lower())
            if present is not None and bool(present.available) is not available:
                # The request to change it answers 200 and changes nothing.
                raise ProvisionError(
                    f"activity {name}: available is {_word(present.available)} and TaskRouter "
                    "cannot change it; take another name"
                )
            found[name] = await self._settle(
                "activity",
                name,
                present,
                {"available": available},
                create=lambda **made: space.activities.create_async(**made),
                at_first={"friendly_name": name},
                same={"available": _word},
            )
        return found

    async def _timeout_activity(self, space: Any, activities: Mapping[str, str]) -> None:
        name = self._wanted.workspace.timeout_activity
        if name is None:
            return
        titles = {sid: title for title, sid in activities.items() if sid}
        await self._settle(
            "workspace",
            self._wanted.workspace.name,
            await asked("workspace", space.fetch_async()) if space else _Nothing(),
            {"timeout_activity_sid": activities[name] or name},
            same={"timeout_activity_sid": lambda sid: titles.get(sid, sid)},
        )

    async def _queues(self, space: Any) -> dict[str, str]:
        """Name -> SID; the name itself for a queue that a dry run would make."""
        there = await _by_name(space and space.task_queues, "task queues")
        found: dict[str, str] = {}
        for name, queue in self._wanted.all_queues.items():
            present = there.pop(name.lower(), None)
            sid = await self._settle(
                "queue",
                name,
                present,
                {"target_workers": queue.target_workers, "task_order": queue.order},
                create=lambda **made: space.task_queues.create_async(**made),
                at_first={"friendly_name": name},
            )
            found[name] = sid or name
        self._leave_alone("queue", there)
        return found

    async def _workflow(self, space: Any, queues: Mapping[str, str]) -> None:
        name, assignment = self._wanted.workflow.name, self._settings.public_url(ASSIGNMENT_PATH)
        there = await _by_name(space and space.workflows, "workflows")
        present = there.pop(name.lower(), None)
        titles = {sid: f"queue {title}" for title, sid in queues.items()}
        document = configuration(self._wanted, queues)
        self.done.workflow_sid = await self._settle(
            "workflow",
            name,
            present,
            {
                "assignment_callback_url": assignment,
                "fallback_assignment_callback_url": assignment,
                "task_reservation_timeout": self._wanted.workflow.reservation_seconds,
                "configuration": json.dumps(document, separators=(",", ":")),
            },
            create=lambda **made: space.workflows.create_async(**made),
            at_first={"friendly_name": name},
            same={"configuration": lambda text: _titled(_document(text), titles)},
        )
        self._leave_alone("workflow", there)

    async def _workers(self, space: Any, activities: Mapping[str, str]) -> None:
        there = await _by_name(space and space.workers, "workers")
        for name, worker in self._wanted.workers.items():
            present = there.pop(name.lower(), None)
            kept = _document(present.attributes) if present else {}
            at_first = {"friendly_name": name}
            if worker.activity:
                at_first["activity_sid"] = activities[worker.activity]
            sid = await self._settle(
                "worker",
                name,
                present,
                # What others wrote into the attributes stays.
                {"attributes": json.dumps(kept | worker.own_attributes, ensure_ascii=False)},
                create=lambda **made: space.workers.create_async(**made),
                at_first=at_first,
                same={"attributes": _document},
            )
            await self._channel(space, sid, name, worker)
        self._leave_alone("worker", there)

    async def _channel(self, space: Any, sid: str, name: str, worker: WantedWorker) -> None:
        """How many calls a worker may have at once."""
        if worker.calls is None:
            return
        found: Any = _Nothing()
        if sid:
            channels = space.workers(sid).worker_channels
            found = await asked(f"worker {name}", channels(VOICE).fetch_async())
            # It is told by another name than it is set by.
            found.capacity = found.configured_capacity
        await self._settle("calls of worker", name, found, {"capacity": worker.calls})

    async def _number(self) -> None:
        """The number's webhook. A linked application would be asked instead of it.

        https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
        """
        ours = self._settings.twilio_number
        listed = await asked(
            "numbers",
            self._client.incoming_phone_numbers.list_async(phone_number=ours, limit=NUMBERS_MAX),
        )
        found = next((each for each in listed if each.phone_number == ours), None)
        if found is None:
            raise ProvisionError(
                "the account does not own TWILIO_NUMBER; buy it, or leave it out with "
                "--without-number"
            )
        if found.trunk_sid:
            raise ProvisionError("TWILIO_NUMBER belongs to a SIP trunk, which has its webhooks off")
        await self._settle(
            "number",
            ours,
            found,
            {
                "voice_url": self._settings.public_url(INBOUND_PATH),
                "voice_method": "POST",
                "voice_application_sid": "",
            },
            same={"voice_application_sid": lambda sid: sid or ""},
        )

    # --- what all parts do ----------------------------------------------------------------------

    async def _settle(
        self,
        kind: str,
        name: str,
        found: Any,
        wanted: Mapping[str, Any],
        *,
        create: Callable[..., Awaitable[Any]] | None = None,
        at_first: Mapping[str, Any] | None = None,
        same: Mapping[str, Read] | None = None,
    ) -> str:
        """Make the thing, change it, or leave it; answers its SID, "" if a dry run would make it.

        `same` reads a field so that what means the same compares the same, and reads well.
        `at_first` is said when it is made and never looked at again.
        """
        reads = same or {}

        def shown(field_name: str, value: Any) -> str:
            return readable(reads.get(field_name, _as_it_is)(value))

        after = {each: shown(each, value) for each, value in wanted.items()}
        before: dict[str, str] = {}
        if found is not None:
            before = {each: shown(each, getattr(found, each, None)) for each in wanted}
        differing = [each for each in wanted if after[each] != before.get(each)]
        if found is not None and not differing:
            return str(found.sid)
        if not self._is_dry_run:
            if found is not None:
                write = found.update_async(**{each: wanted[each] for each in differing})
            elif create is not None:
                write = create(**(at_first or {}), **wanted)
            else:
                raise ProvisionError(f"{kind} {name} is not there")
            found = await asked(f"{kind} {name}", write)
        told = {each: after[each] for each in differing}
        self.done.changes.append(Change(kind, name, not before, before, told))
        return str(found.sid) if found is not None else ""

    def _leave_alone(self, kind: str, others: Mapping[str, Any]) -> None:
        self.done.left_alone += [f"{kind} {each.friendly_name}" for each in others.values()]


class _Nothing:
    """What a dry run finds in a place that it would have made."""

    sid = ""


async def asked(what: str, request: Awaitable[T]) -> T:
    """Await one request; Twilio's own words on what is wrong are for whoever started this."""
    try:
        return await request
    except TwilioException as error:
        told = getattr(error, "msg", "") or str(error)
        status, code = getattr(error, "status", 0), getattr(error, "code", 0)
        raise ProvisionError(f"{what}: HTTP {status}, code {code}: {told}") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ProvisionError(f"{what}: no answer ({type(error).__name__})") from None


async def _by_name(resources: Any, what: str) -> dict[str, Any]:
    """All records of a workspace's list by their names, which know no case."""
    if resources is None:
        return {}
    listed = await asked(what, resources.list_async())
    return {str(each.friendly_name).lower(): each for each in listed}


def _as_it_is(value: Any) -> Any:
    return value


def _word(value: Any) -> str:
    return "true" if value else "false"


def _sorted_words(text: str | None) -> str:
    return ",".join(sorted(word.strip() for word in (text or "").split(",") if word.strip()))


def _document(text: str | None) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {}


def _titled(document: Any, titles: Mapping[str, str]) -> Any:
    """The same document with names where it has SIDs."""
    if isinstance(document, dict):
        return {name: _titled(value, titles) for name, value in document.items()}
    if isinstance(document, list):
        return [_titled(value, titles) for value in document]
    return titles.get(document, document) if isinstance(document, str) else document
