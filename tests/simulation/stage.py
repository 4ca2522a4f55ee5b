"""One world: network, engine, api and worker in one process, and the people in it.

Everything is the real code but for the wire between the parts. The world says what happens to
whoever listens, and lets a story act on it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Literal, get_type_hints

import worker
from activities.health import Health
from activities.provision.routing import configuration
from activities.provision.wanted import Wanted
from activities.settings import TwilioSettings
from api.auth.principal import Principal, Role
from api.settings import Settings
from simulator.core.model import Call
from simulator.core.outbox import Fetch, Reply
from simulator.core.phones import Behavior, PhoneError
from simulator.core.text import Form
from simulator.http.runtime import Runtime
from simulator.settings import Settings as NetworkSettings
from tests.simulation.activities import Worker
from tests.simulation.client import Client, WorkersClient
from tests.simulation.clock import wake
from tests.simulation.edge import BASE, Edge
from tests.simulation.temporal import Server
from tests.simulation.wire import Callbacks, Rest, twilio_client
from workflows.messages import PROVIDER_WORKFLOW_ID

ACCOUNT = "AC" + "5" * 32
NUMBER = "+15550100000"
CALLER = "+15550109001"
AGENT, COLLEAGUE = "client:alice", "client:bea"
PEOPLE = {
    "caller": CALLER,
    "agent": AGENT,
    "colleague": COLLEAGUE,
    "target": "client:bob",
    "second": "client:carol",
    "third": "client:dave",
    "number": "+15550100102",
    "stranger": "client:mallory",
    "supervisor": "client:sue",
    "observer": "client:sam",
}
"""Who is who. `colleague` is rung when the agent does not answer a new call; `supervisor` and
`observer` supervise."""
OTHER_NUMBER, ELSEWHERE = "+15550100099", "http://elsewhere"
"""Of another application."""
HOPS = (0.001, 0.012)
REST_HOPS = (0.02, 0.08)
CALLBACK_HOPS = (0.01, 0.12)
"""Seconds, one way: inside our own network, to Twilio, and from Twilio to us."""

OFFER_SECONDS = 10
"""How long a worker may leave an offer unanswered."""

Mode = Literal["direct", "taskrouter"]


@dataclass(frozen=True)
class Centre:
    """The SIDs of the contact centre."""

    workspace: str = ""
    workflow: str = ""


SOME = Centre("WS" + "0" * 32, "WW" + "0" * 32)
"""Settings are read once; the SIDs, which each history has of its own, are put in."""


def _sids(centre: Centre) -> dict[str, str]:
    return {
        "twilio_workspace_sid": centre.workspace,
        "twilio_workflow_sid": centre.workflow,
    }


def api_settings(mode: Mode, centre: Centre, recording: str) -> Settings:
    """What the api is set up with."""
    return _api_settings(mode, recording).model_copy(update=_sids(centre))


@cache
def _api_settings(mode: Mode, recording: str) -> Settings:
    some = SOME if mode == "taskrouter" else Centre()
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        twilio_account_sid=ACCOUNT,
        twilio_auth_token="secret",  # type: ignore[arg-type]
        twilio_number=NUMBER,
        twilio_base_url="http://twilio",
        public_base_url=BASE,
        handover_mode=mode,
        twilio_workspace_sid=some.workspace,
        twilio_workflow_sid=some.workflow,
        handover_agents=(AGENT, COLLEAGUE),
        handover_agent_ring_seconds=15,
        handover_recording=recording,  # type: ignore[arg-type]
        handover_api_keys=("desk:service:" + "0" * 64,),  # type: ignore[arg-type]
    )


def worker_settings(mode: Mode, centre: Centre) -> TwilioSettings:
    """What the worker is set up with."""
    return _worker_settings(mode).model_copy(update=_sids(centre))


@cache
def _worker_settings(mode: Mode) -> TwilioSettings:
    some = SOME if mode == "taskrouter" else Centre()
    return TwilioSettings(
        _env_file=None,  # type: ignore[call-arg]
        twilio_account_sid=ACCOUNT,
        twilio_auth_token="secret",  # type: ignore[arg-type]
        twilio_number=NUMBER,
        twilio_base_url="http://twilio",
        public_base_url=BASE,
        handover_mode=mode,
        twilio_workspace_sid=some.workspace,
        twilio_workflow_sid=some.workflow,
    )


class Stage:
    """The world of one history. Made inside its running loop."""

    def __init__(
        self, mode: Mode, seed: int, switches: dict[str, Any], recording: str = "none"
    ) -> None:
        self.loop: Any = asyncio.get_running_loop()
        self.mode = mode
        settings = NetworkSettings(
            account_sid=ACCOUNT,
            auth_token="secret",
            seed=str(seed),
            switches={"calls_per_second": 0.0, **switches},
            ledger_limit=20_000,
            log_limit=5_000,
        )
        self.runtime = Runtime(settings)
        self.network = self.runtime.network
        self.rest = Rest(self.runtime, Random(f"{seed} rest"), REST_HOPS)
        centre = self._build_centre() if mode == "taskrouter" else Centre()
        self.centre = centre
        twilio = worker_settings(mode, centre)
        self.twilio = twilio_client(twilio, self.rest)
        self.worker = Worker(_activities(self.twilio, twilio))
        self.server = Server(worker.WORKFLOWS, self.worker, Random(f"{seed} hops"), HOPS)
        self.worker.client = WorkersClient(self.server, self.worker, Random(f"{seed} asks"), HOPS)
        self.edge = Edge(Client(self.server), api_settings(mode, centre, recording))
        self.documents: dict[str, str] = {}
        """What another application answers, by its address."""
        self.callbacks = Callbacks(self._handle, Random(f"{seed} calls"), CALLBACK_HOPS)
        self.runtime.transport = self.callbacks  # type: ignore[assignment]
        with self.runtime.act() as network:
            network.create_number(
                {"PhoneNumber": NUMBER, "VoiceUrl": f"{BASE}/twilio/voice/inbound"}
            )
        self.on_change: list[Callable[[], None]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self.network.ledger.listeners.append(lambda entry: self.changed())
        self.server.listeners.append(lambda run: self.changed())

    def watch_twilio(self, say: Callable[[], None]) -> None:
        """As `worker.py` does: an outage is found by the worker, which lets Twilio alone until a
        probe is answered, and made known to the api. `say` is called then."""
        throttle = self.twilio.http_client.throttle
        health = Health(self.twilio, throttle)
        self.worker.learns(health.probe_twilio)

        async def tell() -> None:
            known = self.server.latest(PROVIDER_WORKFLOW_ID)
            if self.server.is_up and (known is None or not known.is_running):
                say()
                self.server.start("ProviderWorkflow", PROVIDER_WORKFLOW_ID, [], {})

        watching = self.loop.create_task(health.watch(tell))
        epoch = self.worker.epoch

        def watch_anew() -> None:
            """A worker that has died knows of no outage."""
            nonlocal watching, epoch
            if self.worker.epoch != epoch:
                epoch = self.worker.epoch
                watching.cancel()
                throttle.came_back()
                watching = self.loop.create_task(health.watch(tell))

        self.worker.on_up.append(watch_anew)

    def changed(self) -> None:
        """Something has happened."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                wake(each)
        for action in self.on_change:
            action()

    async def until(self, met: Callable[[], bool], seconds: float) -> bool:
        """Wait for something; whether it came in time. Looks again whenever anything happens."""
        if met():
            return True
        waiter, is_late = self.loop.create_future(), False

        def time_is_up() -> None:
            nonlocal is_late
            is_late = True
            wake(waiter)

        alarm = self.loop.call_later(seconds, time_is_up)
        while not is_late:
            self._waiting.append(waiter)
            await waiter
            if met():
                alarm.cancel()
                return True
            waiter = self.loop.create_future()
        return False

    async def pause(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)

    async def _handle(self, fetch: Fetch) -> Reply:
        """One request of the network, to whom it concerns."""
        document = self.documents.get(fetch.url)
        return Reply(200, document) if document is not None else await self.edge.handle(fetch)

    # --- the contact centre ---

    def _build_centre(self) -> Centre:
        wanted = Wanted.model_validate(_CENTRE)
        with self.runtime.act() as network:
            rest = network.taskrouter.rest
            space = rest.workspaces.create(
                _form(FriendlyName="Handover", EventCallbackUrl=f"{BASE}/twilio/taskrouter/events")
            )["sid"]
            found = network.taskrouter.workspaces[space]
            named = {each.name: each.sid for each in found.activities.values()}
            rest.workspaces.update(space, _form(TimeoutActivitySid=named["Offline"]))
            queues = {
                name: rest.queues.create(
                    space, _form(FriendlyName=name, TargetWorkers=queue.target_workers)
                )["sid"]
                for name, queue in wanted.all_queues.items()
            }
            flow = rest.workflows.create(
                space,
                _form(
                    FriendlyName="Handover",
                    Configuration=json.dumps(configuration(wanted, queues)),
                    AssignmentCallbackUrl=f"{BASE}/twilio/taskrouter/assignment",
                    TaskReservationTimeout=wanted.workflow.reservation_seconds,
                ),
            )["sid"]
            for name, each in wanted.workers.items():
                rest.workers.create(
                    space,
                    _form(
                        FriendlyName=name,
                        ActivitySid=named["Available"],
                        Attributes=json.dumps(each.own_attributes),
                    ),
                )
        return Centre(space, flow)

    # --- people ---

    def behave(self, who: str, *kinds: Behavior) -> None:
        """What somebody's phone does by itself."""
        self.network.phones.behave(address_of(who), *kinds)

    def call_in(self) -> Call:
        """The caller dials our number."""
        with self.runtime.act() as network:
            return network.dial_in(CALLER, NUMBER)

    async def call_elsewhere(self, flagged: Sequence[str]) -> str:
        """A call that another application has set up, in a room of its own: caller and agent
        talk, and whoever is `flagged` ends the room by leaving. Answers the room's SID."""
        flag = str("caller" in flagged).lower()
        self.documents[f"{ELSEWHERE}/voice"] = (
            f'<Response><Dial><Conference endConferenceOnExit="{flag}" '
            f'statusCallback="{BASE}/twilio/conference" statusCallbackEvent="start end join leave">'
            "elsewhere</Conference></Dial></Response>"
        )
        with self.runtime.act() as network:
            network.create_number({"PhoneNumber": OTHER_NUMBER, "VoiceUrl": f"{ELSEWHERE}/voice"})
            network.dial_in(CALLER, OTHER_NUMBER)
        if not await self.until(lambda: bool(self.network.live_rooms), 60.0):
            return ""
        room = next(iter(self.network.live_rooms.values()))
        with self.runtime.act() as network:
            agent: dict[str, Any] = {"From": OTHER_NUMBER, "To": AGENT, "Label": "agent"}
            agent["EndConferenceOnExit"] = str("agent" in flagged).lower()
            network.create_participant(room.sid, agent)
        return room.sid

    def phone(self, who: str, verb: str, detail: str = "") -> bool:
        """Somebody does something with a phone; whether there was anything to do."""
        address = address_of(who)
        with self.runtime.act() as network:
            phones = network.phones
            try:
                if verb == "hang_up":
                    phones.hangup(address)
                elif verb == "answer":
                    phones.answer(address)
                elif verb == "reject":
                    phones.reject(address)
                else:
                    phones.digits(address, detail or "1")
            except PhoneError:
                return False
        return True

    def offer(self, who: str, verb: str) -> bool:
        """A worker answers an offer on the desktop; whether there was one."""
        name = address_of(who).partition(":")[2]
        with self.runtime.act() as network:
            router = network.taskrouter
            for space in router.workspaces.values():
                for reservation in list(space.reservations.values()):
                    if reservation.worker.name != name or reservation.status != "pending":
                        continue
                    if verb == "accept_offer":
                        router.reservations.accept(space, reservation)
                    else:
                        router.reservations.reject(space, reservation, None)
                    return True
        return False

    def live(self, who: str) -> list[Call]:
        """Somebody's live legs."""
        return list(self.network.phones.get(address_of(who)).calls.values())

    def talk(self, one: str, other: str) -> bool:
        """Whether two people hear each other."""
        ours, theirs = self.live(one), self.live(other)
        for call in ours:
            room = call.participant.conference if call.participant else None
            for peer in theirs:
                pairs = room.pairs if room else frozenset()
                if (call.sid, peer.sid) in pairs and (peer.sid, call.sid) in pairs:
                    return True
        return False


_CENTRE: dict[str, Any] = {
    "workspace": {"timeout_activity": "Offline"},
    "activities": {"Offline": False, "Available": True, "Unavailable": False},
    "queues": {
        "Support": {"skills": ("support",)},
        "Billing": {"skills": ("billing",)},
    },
    "workers": {
        "alice": {"contact_uri": "client:alice", "skills": ("support",)},
        "bob": {"contact_uri": "client:bob", "skills": ("billing",)},
        "carol": {"contact_uri": "client:carol", "skills": ("billing",)},
        "dave": {"contact_uri": "client:dave", "skills": ("refunds",)},
        "sue": {"contact_uri": "client:sue", "skills": ("supervision",)},
    },
    "workflow": {"default_queue": "Support", "reservation_seconds": OFFER_SECONDS},
}


def address_of(who: str) -> str:
    """The address of somebody's phone."""
    return PEOPLE.get(who, who)


def desk(address: str) -> Principal:
    """An agent at the desk."""
    return Principal(f"jwt:{address}", Role.AGENT, address)


def supervisor_desk(address: str) -> Principal:
    """A supervisor at the desk, of the one team that there is."""
    return Principal(f"jwt:{address}", Role.SUPERVISOR, address)


def _activities(client: Any, settings: TwilioSettings) -> list[Any]:
    return worker.activities_of(**{name: home(client, settings) for name, home in _homes().items()})


@cache
def _homes() -> dict[str, Any]:
    """The classes that have the activities, by the name under which the worker wants each."""
    homes = get_type_hints(worker.activities_of)
    homes.pop("return")
    return homes


def _form(**params: Any) -> Form:
    return Form.of(params)
